import WalshTensor

extension Tensor {
  /// The leading axes taken together: shape `[rowCount, columns]`.
  var asMatrix: Tensor { rank == 2 ? self : reshaped(to: [rowCount, columns]) }

  /// A matrix whose rows are filled with zeros up to a multiple of `block` columns.
  func paddingColumns(toMultipleOf block: Int) -> Tensor {
    let padded = (columns + block - 1) / block * block
    if padded == columns { return self }
    let n = columns
    return Tensor(shape: [rowCount, padded]) { out in
      withUnsafeBufferPointer { x in
        out.initialize(repeating: 0)
        for i in 0..<rowCount { for j in 0..<n { out[i * padded + j] = x[i * n + j] } }
      }
    }
  }

  /// A copy of a matrix with some rows set to zero.
  func zeroingRows(_ indices: [Int]) -> Tensor {
    var result = self
    let n = columns
    result.withUnsafeMutableBufferPointer { x in
      for i in indices { for j in 0..<n { x[i * n + j] = 0 } }
    }
    return result
  }

  /// The columns `indices` of a matrix, in that order.
  func gatheringColumns(_ indices: [Int]) -> Tensor {
    let n = columns
    return Tensor(shape: [rowCount, indices.count]) { out in
      withUnsafeBufferPointer { x in
        for i in 0..<rowCount { for (c, j) in indices.enumerated() { out[i * indices.count + c] = x[i * n + j] } }
      }
    }
  }

  /// A copy of a matrix with some columns set to zero.
  func zeroingColumns(_ indices: [Int]) -> Tensor {
    var result = self
    let n = columns
    result.withUnsafeMutableBufferPointer { x in
      for i in 0..<(n == 0 ? 0 : x.count / n) { for j in indices { x[i * n + j] = 0 } }
    }
    return result
  }

  /// Writes the rows of `values` over the rows `indices`.
  mutating func replaceRows(_ indices: [Int], with values: Tensor) {
    let n = columns
    withUnsafeMutableBufferPointer { x in
      values.withUnsafeBufferPointer { v in
        for (r, i) in indices.enumerated() { for j in 0..<n { x[i * n + j] = v[r * n + j] } }
      }
    }
  }

  /// Writes the columns of `values` over the columns `indices`.
  mutating func replaceColumns(_ indices: [Int], with values: Tensor) {
    let (n, k) = (columns, indices.count)
    withUnsafeMutableBufferPointer { x in
      values.withUnsafeBufferPointer { v in
        for i in 0..<(n == 0 ? 0 : x.count / n) { for (c, j) in indices.enumerated() { x[i * n + j] = v[i * k + c] } }
      }
    }
  }
}

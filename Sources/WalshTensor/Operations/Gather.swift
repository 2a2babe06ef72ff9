extension Tensor {
  /// The rows `indices` of a matrix, in that order, shape `[indices.count, columns]`: an embedding lookup.
  public func gatheringRows(_ indices: [Int]) -> Tensor {
    precondition(rank == 2, "Rows are gathered from a matrix, not from a tensor of shape \(shape).")
    let n = columns
    return Tensor(shape: [indices.count, n]) { out in
      withUnsafeBufferPointer { x in
        for (r, index) in indices.enumerated() {
          precondition(index >= 0 && index < shape[0], "Row \(index) does not exist in a tensor of shape \(shape).")
          _ = UnsafeMutableBufferPointer(rebasing: out[r * n..<(r + 1) * n])
            .initialize(from: x[index * n..<(index + 1) * n])
        }
      }
    }
  }

  /// All rows of `tensors` one below the other; their last extents must agree.
  public static func stackingRows(_ tensors: [Tensor]) -> Tensor {
    guard let first = tensors.first else { return Tensor([], shape: [0, 0]) }
    precondition(tensors.allSatisfy { $0.columns == first.columns }, "Stacked rows have one length.")
    return Tensor(shape: [tensors.reduce(0) { $0 + $1.rowCount }, first.columns]) { out in
      var position = 0
      for tensor in tensors {
        tensor.withUnsafeBufferPointer { x in
          _ = UnsafeMutableBufferPointer(rebasing: out[position..<position + x.count]).initialize(from: x)
          position += x.count
        }
      }
    }
  }
}

extension Tensor {
  /// The rows `indices` of a matrix, in that order, shape `[indices.count, columns]`: an embedding lookup.
  ///
  /// The gradient of a row is the sum over the places that it went to, first place first.
  public func gatheringRows(_ indices: [Int]) -> Tensor {
    precondition(rank == 2, "Rows are gathered from a matrix, not from a tensor of shape \(shape).")
    let n = columns
    let gathered = Tensor(shape: [indices.count, n]) { out in
      withUnsafeBufferPointer { x in
        for (r, index) in indices.enumerated() {
          precondition(index >= 0 && index < shape[0], "Row \(index) does not exist in a tensor of shape \(shape).")
          _ = UnsafeMutableBufferPointer(rebasing: out[r * n..<(r + 1) * n])
            .initialize(from: x[index * n..<(index + 1) * n])
        }
      }
    }
    return gathered.recorded(from: self) { [shape] _ in
      { gradient in
        Tensor(shape: shape) { out in
          out.initialize(repeating: 0)
          gradient.withUnsafeBufferPointer { g in
            for (r, index) in indices.enumerated() { for j in 0..<n { out[index * n + j] += g[r * n + j] } }
          }
        }
      }
    }
  }
}

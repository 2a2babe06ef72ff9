extension Tensor {
  /// The mean of −log softmax(row)[target] over the counted rows, shape `[]`: the loss of predicting `targets`.
  ///
  /// Fused: the backward pass writes (softmax(row) − one-hot(target)) / counted rows into one tensor, and neither pass
  /// keeps probabilities. Logarithms and the sum are Float64.
  ///
  /// - Parameters:
  ///   - targets: one column index per row; those of rows that do not count are not looked at.
  ///   - isCounted: which rows count, such as the answers in a conversation; nil for all. At least one must.
  public func crossEntropy(of targets: [Int], counting isCounted: [Bool]? = nil) -> Tensor {
    let rows = (0..<rowCount).filter { isCounted?[$0] ?? true }
    precondition(
      targets.count == rowCount && isCounted.map { $0.count == rowCount } ?? true && !rows.isEmpty,
      "\(targets.count) targets with \(rows.count) to be counted do not fit logits of shape \(shape).")
    // Target 0 stands in where nobody looks.
    let known = isCounted.map { zip(targets, $0).map { $1 ? $0 : 0 } } ?? targets
    let losses = negativeLogLikelihood(of: known)
    let loss = rows.reduce(0) { $0 + losses[$1] } / Double(rows.count)
    return Tensor([Float(loss)], shape: []).recorded(from: self) { logits in
      { gradient in
        let n = logits.columns
        let scale = gradient[] / Float(rows.count)
        return Tensor(shape: logits.shape) { out in
          out.initialize(repeating: 0)
          logits.withUnsafeBufferPointer { x in
            Parallel.forEachChunk(of: rows.count, size: 16) { chunk in
              for r in rows[chunk] {
                let result = UnsafeMutableBufferPointer(rebasing: out[r * n..<(r + 1) * n])
                _ = result.update(from: x[r * n..<(r + 1) * n])
                softmaxInPlace(result)
                result[known[r]] -= 1
                for j in result.indices { result[j] *= scale }
              }
            }
          }
        }
      }
    }
  }
}

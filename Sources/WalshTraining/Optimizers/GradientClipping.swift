import WalshTensor

extension [Tensor] {
  /// √Σ x² over all values of all tensors, in Float64, first tensor first: the global norm of gradients.
  public var globalNorm: Double { reduce(0) { $0 + $1.sumOfSquares }.squareRoot() }

  /// Scales all tensors by `limit` / norm when their global norm is above `limit`.
  ///
  /// - Returns: the norm before. A NaN norm changes nothing and is returned, for the caller to refuse.
  /// - Complexity: one pass, two when something is scaled.
  @discardableResult
  public mutating func clip(toGlobalNorm limit: Double) -> Double {
    let norm = globalNorm
    if norm > limit { scale(by: Float(limit / norm)) }
    return norm
  }

  /// Multiplies every value of every tensor by `factor`, in place.
  mutating func scale(by factor: Float) {
    for i in indices {
      self[i].withUnsafeMutableBufferPointer { x in for j in x.indices { x[j] *= factor } }
    }
  }
}

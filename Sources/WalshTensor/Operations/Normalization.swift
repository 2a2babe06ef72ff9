extension Tensor {
  /// Root-mean-square normalisation of every row: x · rsqrt(mean(x²) + ε) · γ.
  ///
  /// The mean square is accumulated in Float64. Source: Zhang and Sennrich 2019.
  ///
  /// - Parameters:
  ///   - weight: γ, `columns` values.
  ///   - epsilon: ε.
  public func rmsNorm(weight: Tensor, epsilon: Float) -> Tensor {
    precondition(weight.count == columns, "A norm of \(weight.count) weights does not fit rows of \(shape).")
    let n = columns
    guard n > 0 else { return self }
    return Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        weight.withUnsafeBufferPointer { g in
          for start in stride(from: 0, to: count, by: n) {
            let row = UnsafeBufferPointer(rebasing: x[start..<start + n])
            let result = UnsafeMutableBufferPointer(rebasing: out[start..<start + n])
            let scale = Float(1 / (squaresInLanes(row) / Double(n) + Double(epsilon)).squareRoot())
            for j in result.indices { result[j] = row[j] * scale * g[j] }
          }
        }
      }
    }
  }
}

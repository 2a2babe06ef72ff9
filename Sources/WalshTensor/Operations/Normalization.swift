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
    return Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        weight.withUnsafeBufferPointer { g in
          for start in stride(from: 0, to: count, by: n) {
            var squares = 0.0
            for j in 0..<n { squares += Double(x[start + j]) * Double(x[start + j]) }
            let scale = Float(1 / (squares / Double(n) + Double(epsilon)).squareRoot())
            for j in 0..<n { out[start + j] = x[start + j] * scale * g[j] }
          }
        }
      }
    }
  }
}

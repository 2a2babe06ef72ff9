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
    guard columns > 0 else { return self }
    let result = Tensor(shape: shape) { writeRMSNorm(weight: weight, epsilon: epsilon, to: $0) }
    // In decoding a row takes less time than the array of inputs.
    guard isTracked || weight.isTracked else { return result }
    return result.recorded(from: [self, weight]) { inputs in
      { gradient, _ in inputs[0].rmsNormGradients(weight: inputs[1], epsilon: epsilon, gradient: gradient) }
    }
  }

  /// Writes `rmsNorm(weight:epsilon:)` over the values of `out`, which has as many.
  ///
  /// - Precondition: nothing is tracked.
  public func rmsNorm(weight: Tensor, epsilon: Float, into out: inout Tensor) {
    precondition(
      weight.count == columns && out.count == count && !isTracked && !weight.isTracked,
      "A norm of \(weight.count) weights does not fit rows of \(shape) and a result of \(out.shape).")
    out.withUnsafeMutableBufferPointer { writeRMSNorm(weight: weight, epsilon: epsilon, to: $0) }
  }

  private func writeRMSNorm(weight: Tensor, epsilon: Float, to out: UnsafeMutableBufferPointer<Float>) {
    let n = columns
    withUnsafeBufferPointer { x in
      weight.withUnsafeBufferPointer { g in
        Parallel.forEachChunk(of: count / n, size: Tensor.rowsOfChunk(n)) { rows in
          for start in rows.lazy.map({ $0 * n }) {
            let row = UnsafeBufferPointer(rebasing: x[start..<start + n])
            let result = UnsafeMutableBufferPointer(rebasing: out[start..<start + n])
            let scale = Float(1 / (squaresInLanes(row) / Double(n) + Double(epsilon)).squareRoot())
            for j in result.indices { result[j] = row[j] * scale * g[j] }
          }
        }
      }
    }
  }

  /// With r = rsqrt(mean(x²) + ε): ∂x = r·(γ⊙g − x · r²·mean(γ⊙g⊙x)), ∂γ = Σ over rows of g⊙x·r.
  private func rmsNormGradients(weight: Tensor, epsilon: Float, gradient: Tensor) -> [Tensor?] {
    let n = columns
    // Every chunk of rows has sums of its own, added in order at the end.
    let size = Tensor.rowsOfChunk(n)
    let chunks = (rowCount + size - 1) / size
    var partialSums = [Double](repeating: 0, count: chunks * n)
    let inputGradient = partialSums.withUnsafeMutableBufferPointer { partialSums in
      Tensor(shape: shape) { out in
        withRows(weight, gradient) { start, row, w, g in
          let result = UnsafeMutableBufferPointer(rebasing: out[start..<start + n])
          let first = start / n / size * n
          let sums = UnsafeMutableBufferPointer(rebasing: partialSums[first..<first + n])
          let scale = 1 / (squaresInLanes(row) / Double(n) + Double(epsilon)).squareRoot()
          for j in result.indices { result[j] = w[j] * g[j] }
          for j in sums.indices { sums[j] += Double(g[j]) * Double(row[j]) * scale }
          let projection = Float(dotInLanes(UnsafeBufferPointer(result), row) / Double(n) * scale * scale)
          let factor = Float(scale)
          for j in result.indices { result[j] = (result[j] - row[j] * projection) * factor }
        }
      }
    }
    return [inputGradient, Tensor.sum(of: partialSums, parts: chunks, shape: weight.shape)]
  }

  /// Normalisation of every row to mean 0 and variance 1: (x − mean) · rsqrt(variance + ε) · γ + β.
  ///
  /// Mean and (population) variance are accumulated in Float64. Source: Ba, Kiros and Hinton 2016.
  ///
  /// - Parameters:
  ///   - weight: γ, `columns` values.
  ///   - bias: β, `columns` values.
  ///   - epsilon: ε.
  public func layerNorm(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
    precondition(
      weight.count == columns && bias.count == columns,
      "A norm of \(weight.count) weights and \(bias.count) biases does not fit rows of \(shape).")
    let n = columns
    guard n > 0 else { return self }
    let result = Tensor(shape: shape) { out in
      withRows(weight, bias) { start, row, w, b in
        let (mean, scale) = rowMoments(row, epsilon: epsilon)
        for j in 0..<n { out[start + j] = Float((Double(row[j]) - mean) * scale) * w[j] + b[j] }
      }
    }
    return result.recorded(from: [self, weight, bias]) { inputs in
      let shape = inputs[2].shape
      return { gradient, isWanted in
        inputs[0].layerNormGradients(weight: inputs[1], epsilon: epsilon, gradient: gradient)
          + [isWanted[2] ? gradient.columnSums().reshaped(to: shape) : nil]
      }
    }
  }

  /// With x̂ the normalised row: ∂x = r·(γ⊙g − mean(γ⊙g) − x̂·mean(γ⊙g⊙x̂)), ∂γ = Σ over rows of g⊙x̂.
  private func layerNormGradients(weight: Tensor, epsilon: Float, gradient: Tensor) -> [Tensor?] {
    let n = columns
    let size = Tensor.rowsOfChunk(n)
    let chunks = (rowCount + size - 1) / size
    var partialSums = [Double](repeating: 0, count: chunks * n)
    let inputGradient = partialSums.withUnsafeMutableBufferPointer { partialSums in
      Tensor(shape: shape) { out in
        withRows(weight, gradient) { start, row, w, g in
          let (mean, scale) = rowMoments(row, epsilon: epsilon)
          let first = start / n / size * n
          var sum = 0.0
          var projection = 0.0
          for j in 0..<n {
            let normal = (Double(row[j]) - mean) * scale
            let weighted = Double(w[j]) * Double(g[j])
            partialSums[first + j] += Double(g[j]) * normal
            sum += weighted
            projection += weighted * normal
          }
          for j in 0..<n {
            let normal = (Double(row[j]) - mean) * scale
            let rest = (sum + normal * projection) / Double(n)
            out[start + j] = Float(scale * (Double(w[j]) * Double(g[j]) - rest))
          }
        }
      }
    }
    return [inputGradient, Tensor.sum(of: partialSums, parts: chunks, shape: weight.shape)]
  }

  /// The rows of `n` values that a thread takes at a time.
  private static func rowsOfChunk(_ n: Int) -> Int { 1 + (1 << 14) / n }

  /// The sum of vectors that lie one behind the other, first vector first.
  private static func sum(of vectors: [Double], parts: Int, shape: [Int]) -> Tensor {
    let n = shape.reduce(1, *)
    return Tensor((0..<n).map { j in Float((0..<parts).reduce(0) { $0 + vectors[$1 * n + j] }) }, shape: shape)
  }

  /// Calls `body`, on several threads, with the start of every row, the row, all of `vector`, and the row of `other`, which may be a vector.
  private func withRows(
    _ vector: Tensor, _ other: Tensor,
    _ body: (
      _ start: Int, _ row: UnsafeBufferPointer<Float>, _ vector: UnsafeBufferPointer<Float>,
      _ other: UnsafeBufferPointer<Float>
    ) -> Void
  ) {
    let n = columns
    withUnsafeBufferPointer { x in
      vector.withUnsafeBufferPointer { v in
        other.withUnsafeBufferPointer { y in
          Parallel.forEachChunk(of: count / n, size: Tensor.rowsOfChunk(n)) { rows in
            for start in rows.lazy.map({ $0 * n }) {
              let line = y.count == n ? y : UnsafeBufferPointer(rebasing: y[start..<start + n])
              body(start, UnsafeBufferPointer(rebasing: x[start..<start + n]), v, line)
            }
          }
        }
      }
    }
  }
}

/// The mean of a row and rsqrt(variance + ε).
private func rowMoments(_ row: UnsafeBufferPointer<Float>, epsilon: Float) -> (mean: Double, scale: Double) {
  let mean = sumInLanes(row) { $0 } / Double(row.count)
  var squares = 0.0
  for x in row { squares += (Double(x) - mean) * (Double(x) - mean) }
  return (mean, 1 / (squares / Double(row.count) + Double(epsilon)).squareRoot())
}

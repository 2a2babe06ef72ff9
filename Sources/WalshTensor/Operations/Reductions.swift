extension Tensor {
  /// The largest magnitude, 0 for an empty tensor; NaN when any value is NaN.
  public var maxMagnitude: Float {
    withUnsafeBufferPointer { x in
      // On bit patterns: the order of magnitudes is the order of integers, and NaN is above infinity.
      var largest: UInt32 = 0
      for v in x { largest = max(largest, v.bitPattern & 0x7fff_ffff) }
      return Float(bitPattern: largest)
    }
  }

  /// The largest magnitude in each column over all rows, shape `[columns]`; NaN where a column holds NaN.
  public var columnMaxMagnitudes: Tensor {
    var largest = [UInt32](repeating: 0, count: columns)
    withUnsafeBufferPointer { x in
      for r in 0..<rowCount {
        for j in 0..<columns { largest[j] = max(largest[j], x[r * columns + j].bitPattern & 0x7fff_ffff) }
      }
    }
    return Tensor(largest.map(Float.init(bitPattern:)))
  }

  /// The sum of all values in Float64.
  public var sum: Double { withUnsafeBufferPointer { $0.reduce(0) { $0 + Double($1) } } }

  /// The sum of all squared values in Float64.
  public var sumOfSquares: Double { withUnsafeBufferPointer { $0.reduce(0) { $0 + Double($1) * Double($1) } } }

  /// The mean of all values in Float64; NaN for an empty tensor.
  public var mean: Double { sum / Double(count) }

  /// The position of the largest value in each row, the first of equals; NaN is never the largest.
  public var argMax: [Int] {
    withUnsafeBufferPointer { x in
      (0..<rowCount).map { r in
        var best = 0
        var value = -Float.infinity
        for j in 0..<columns where x[r * columns + j] > value {
          best = j
          value = x[r * columns + j]
        }
        return best
      }
    }
  }

  /// The position of the first NaN or infinity, or nil when every value is finite.
  public var firstNonFinite: Int? { withUnsafeBufferPointer { $0.firstIndex { !$0.isFinite } } }
}

extension Matrix {
  /// Adds XᵀX over the rows of `x`, the second moment of a layer's inputs; this matrix is `[columns, columns]`.
  ///
  /// Panels of 256 rows are multiplied in Float64 in a fixed order, so the sum depends on the rows alone.
  public mutating func addGram(of x: Tensor) {
    let n = x.columns
    precondition(rows == n && columns == n, "XᵀX of \(x.shape) does not fit a \(rows)×\(columns) matrix.")
    guard n > 0 else { return }
    let panel = 256
    x.withUnsafeBufferPointer { source in
      values.withUnsafeMutableBufferPointer { out in
        guard let c = out.baseAddress else { return }
        for start in stride(from: 0, to: x.rowCount, by: panel) {
          let height = min(panel, x.rowCount - start)
          let wide = source[start * n..<(start + height) * n].map(Double.init)
          wide.withUnsafeBufferPointer { p in
            guard let a = p.baseAddress else { return }
            let tile = 128
            let tiles = (n + tile - 1) / tile
            Parallel.forEach(tiles, grain: 1 + 1_000_000 / (tile * n * height)) { t in
              let i = t * tile
              BLAS.gemm(
                transposeA: true, m: min(tile, n - i), n: n, k: height, a: a + i, lda: n, b: a, ldb: n,
                beta: 1, c: c + i * n, ldc: n)
            }
          }
        }
      }
    }
  }
}

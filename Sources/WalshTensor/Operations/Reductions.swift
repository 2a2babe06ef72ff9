/// Plain numbers about a tensor, without gradients; `summed()` and its kin are the differentiable reductions.
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
    let n = columns
    var largest = [UInt32](repeating: 0, count: n)
    withUnsafeBufferPointer { x in
      largest.withUnsafeMutableBufferPointer { out in
        for r in 0..<rowCount {
          let row = UnsafeBufferPointer(rebasing: x[r * n..<(r + 1) * n])
          for j in out.indices { out[j] = max(out[j], row[j].bitPattern & 0x7fff_ffff) }
        }
      }
    }
    return Tensor(largest.map(Float.init(bitPattern:)))
  }

  /// The sum of all values in Float64.
  public var sum: Double { withUnsafeBufferPointer { sumInLanes($0) { $0 } } }

  /// The sum of all squared values in Float64.
  public var sumOfSquares: Double { withUnsafeBufferPointer { squaresInLanes($0) } }

  /// The mean of all values in Float64; NaN for an empty tensor.
  public var mean: Double { sum / Double(count) }

  /// The position of the largest value in each row, the first of equals. NaN is never the largest, except in a row of
  /// NaN alone, which gives 0. Rows may not be empty.
  public var argMax: [Int] {
    let n = columns
    precondition(n > 0 || rowCount == 0, "Rows of no values have no largest one.")
    return withUnsafeBufferPointer { x in
      (0..<rowCount).map { r in
        let row = UnsafeBufferPointer(rebasing: x[r * n..<(r + 1) * n])
        return row.firstIndex(of: largest(row)) ?? 0
      }
    }
  }

  /// The position of the first NaN or infinity, or nil when every value is finite.
  public var firstNonFinite: Int? { withUnsafeBufferPointer { $0.firstIndex { !$0.isFinite } } }
}

/// The largest value of x, NaN aside; −∞ when there is none.
func largest(_ x: UnsafeBufferPointer<Float>) -> Float {
  var lanes = SIMD16<Float>(repeating: -.infinity)
  let whole = x.count / 16 * 16
  let bytes = UnsafeRawBufferPointer(x)
  for i in stride(from: 0, to: whole, by: 16) {
    let values = bytes.loadUnaligned(fromByteOffset: 4 * i, as: SIMD16<Float>.self)
    lanes.replace(with: values, where: values .> lanes)
  }
  var top = lanes.max()
  for i in whole..<x.count where x[i] > top { top = x[i] }
  return top
}

/// Σ f(x) in eight Float64 lanes: position i is added in lane i mod 8, and the lanes in order at the end. The order is
/// fixed, and one running sum would take five times as long.
@inline(__always)
func sumInLanes(_ x: UnsafeBufferPointer<Float>, _ f: (Float) -> Float) -> Double {
  var lanes = SIMD8<Double>.zero
  let whole = x.count / 8 * 8
  for i in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { lanes[lane] += Double(f(x[i + lane])) }
  }
  for i in whole..<x.count { lanes[i - whole] += Double(f(x[i])) }
  return lanes.sum()
}

/// Σ x², added like `sumInLanes`; the squares are exact.
func squaresInLanes(_ x: UnsafeBufferPointer<Float>) -> Double {
  var lanes = SIMD8<Double>.zero
  let whole = x.count / 8 * 8
  for i in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { lanes[lane] += Double(x[i + lane]) * Double(x[i + lane]) }
  }
  for i in whole..<x.count { lanes[i - whole] += Double(x[i]) * Double(x[i]) }
  return lanes.sum()
}

/// Σ x·y, added like `sumInLanes`; the products are exact.
func dotInLanes(_ x: UnsafeBufferPointer<Float>, _ y: UnsafeBufferPointer<Float>) -> Double {
  var lanes = SIMD8<Double>.zero
  let whole = x.count / 8 * 8
  for i in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { lanes[lane] += Double(x[i + lane]) * Double(y[i + lane]) }
  }
  for i in whole..<x.count { lanes[i - whole] += Double(x[i]) * Double(y[i]) }
  return lanes.sum()
}

extension Matrix {
  /// Adds XᵀX over the rows of `x`, the second moment of a layer's inputs.
  ///
  /// This matrix is `[columns, columns]` and symmetric: only its upper triangle is read, and the result is symmetric bit
  /// for bit. Panels of 256 rows are multiplied in Float64 in a fixed order, so the sum depends on the rows alone.
  ///
  /// - Complexity: rows · columns² / 2 multiply-adds.
  public mutating func addGram(of x: Tensor) {
    let n = x.columns
    precondition(rows == n && columns == n, "XᵀX of \(x.shape) does not fit a \(rows)×\(columns) matrix.")
    guard n > 0 else { return }
    let panel = 256
    let tile = 128
    let tiles = (n + tile - 1) / tile
    x.withUnsafeBufferPointer { source in
      values.withUnsafeMutableBufferPointer { out in
        guard let c = out.baseAddress else { return }
        for start in stride(from: 0, to: x.rowCount, by: panel) {
          let height = min(panel, x.rowCount - start)
          let wide = source[start * n..<(start + height) * n].map(Double.init)
          wide.withUnsafeBufferPointer { p in
            guard let a = p.baseAddress else { return }
            Parallel.forEach(tiles, grain: 1 + 2_000_000 / (tile * n * height)) { item in
              // The first tiles are the longest: taken in turn from both ends, so that threads get equal work.
              let i = (item % 2 == 0 ? item / 2 : tiles - 1 - item / 2) * tile
              BLAS.gemm(
                transposeA: true, m: min(tile, n - i), n: n - i, k: height, a: a + i, lda: n, b: a + i, ldb: n,
                beta: 1, c: c + i * n + i, ldc: n)
            }
          }
        }
        // Blocks keep both triangles in the cache.
        for i in stride(from: 0, to: n, by: 32) {
          for j in 0..<n where j / 32 * 32 >= i {
            for k in i..<min(i + 32, j) { c[j * n + k] = c[k * n + j] }
          }
        }
      }
    }
  }
}

import WalshTensor

/// The unbiased variances of all rows and of all columns of a matrix, in Float64.
///
/// One pass through memory: bands of rows, whose size depends on the shape alone, each in two passes while it is in the
/// cache, first sums, then squares of deviations from the band's means. The columns of two bands are joined by
///
///     S = S₁ + S₂ + (m₁ − m₂)² · n₁·n₂ / (n₁ + n₂)
///
/// with S the sum of squared deviations, m the mean and n the number of rows (Chan, Golub, LeVeque 1979), from the first
/// band to the last, so that the result is the same for any number of threads.
struct LineVariances: Sendable {
  /// One for each row, over the columns.
  let rows: [Double]
  /// One for each column, over the rows.
  let columns: [Double]

  /// Measures `x`, its leading axes taken together; it has at least two rows and two columns.
  init(of x: Tensor) {
    let (r, c) = (x.rowCount, x.columns)
    precondition(r > 1 && c > 1, "Variances need two rows and columns, not a shape of \(x.shape).")
    // A quarter MiB: as much as stays near a core, and enough work for a thread of its own.
    let band = max(8, (1 << 16) / c)
    let bands = (r + band - 1) / band
    let rows = UnsafeMutableBufferPointer<Double>.allocate(capacity: r)
    // Of each band the means of its columns, then their squared deviations.
    let parts = UnsafeMutableBufferPointer<Double>.allocate(capacity: bands * 2 * c)
    defer {
      rows.deallocate()
      parts.deallocate()
    }
    rows.initialize(repeating: 0)
    parts.initialize(repeating: 0)
    x.withUnsafeBufferPointer { x in
      guard let x = x.baseAddress, let rows = rows.baseAddress, let parts = parts.baseAddress else { return }
      Parallel.forEachChunk(of: r, size: band) { range in
        let means = parts + range.lowerBound / band * 2 * c
        Self.measure(x + range.lowerBound * c, range.count, c, rows + range.lowerBound, means, means + c)
      }
    }
    self.rows = rows.map { $0 / Double(c - 1) }
    var means = Array(parts[0..<c])
    var squares = Array(parts[c..<2 * c])
    for k in 1..<max(1, bands) {
      let (before, size) = (Double(k * band), Double(min(band, r - k * band)))
      let weight = before * size / (before + size)
      for j in 0..<c {
        let difference = parts[2 * k * c + j] - means[j]
        means[j] += difference * size / (before + size)
        squares[j] += parts[(2 * k + 1) * c + j] + difference * difference * weight
      }
    }
    columns = squares.map { $0 / Double(r - 1) }
  }

  /// Squared deviations of `r` rows of `c` values, and means and squared deviations of their columns; all of them zero
  /// at first.
  private static func measure(
    _ x: UnsafePointer<Float>, _ r: Int, _ c: Int, _ rows: UnsafeMutablePointer<Double>,
    _ means: UnsafeMutablePointer<Double>, _ columns: UnsafeMutablePointer<Double>
  ) {
    typealias Lane = SIMD8<Double>
    let whole = c / 8 * 8
    func load(_ p: UnsafePointer<Float>) -> Lane { Lane(UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Float>.self)) }
    func load(_ p: UnsafeMutablePointer<Double>) -> Lane { UnsafeRawPointer(p).loadUnaligned(as: Lane.self) }
    func store(_ v: Lane, _ p: UnsafeMutablePointer<Double>) {
      UnsafeMutableRawPointer(p).storeBytes(of: v, as: Lane.self)
    }
    for i in 0..<r {
      let row = x + i * c
      var sums = Lane(repeating: 0)
      for j in stride(from: 0, to: whole, by: 8) {
        let v = load(row + j)
        sums += v
        store(load(means + j) + v, means + j)
      }
      var sum = sums.sum()
      for j in whole..<c {
        sum += Double(row[j])
        means[j] += Double(row[j])
      }
      rows[i] = sum / Double(c)
    }
    for j in 0..<c { means[j] /= Double(r) }
    for i in 0..<r {
      let row = x + i * c
      let mean = rows[i]
      let splat = Lane(repeating: mean)
      var squares = Lane(repeating: 0)
      for j in stride(from: 0, to: whole, by: 8) {
        let v = load(row + j)
        let a: Lane = v - splat
        let b: Lane = v - load(means + j)
        squares += a * a
        store(load(columns + j) + b * b, columns + j)
      }
      var square = squares.sum()
      for j in whole..<c {
        let (a, b) = (Double(row[j]) - mean, Double(row[j]) - means[j])
        square += a * a
        columns[j] += b * b
      }
      rows[i] = square
    }
  }
}

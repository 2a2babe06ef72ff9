import WalshTensor

/// The matrices that DuQuant's rotations are products of.
///
/// Source: Lin et al., arXiv 2406.01721, section 3; the closed form is equal to the released generator.
enum OutlierRotation {
  /// R̃, an orthogonal matrix with a constant first row: an outlier v in channel 0 becomes v/√n in every channel of x·R̃.
  ///
  /// - Parameter n: the order, at least 1.
  static func base(order n: Int) -> Matrix {
    precondition(n > 0, "A rotation acts on at least one channel, not \(n).")
    var r = Matrix.zeros(n, n)
    for j in 0..<n { r[0, j] = 1 / Double(n).squareRoot() }
    let half = 0.5.squareRoot()
    guard n > 2 else {
      if n == 2 { (r[1, 0], r[1, 1]) = (-half, half) }
      return r
    }
    for i in 1..<max(1, n - 2) {
      let k = Double(i)
      for j in Array(1...i) + [n - 1] { r[i, j] = 1 / ((k + 1) * (k + 2)).squareRoot() }
      r[i, i + 1] = -((k + 1) / (k + 2)).squareRoot()
    }
    let order = Double(n)
    r[n - 2, 0] = -((order - 1) / order).squareRoot()
    for j in 1..<n { r[n - 2, j] = 1 / (order * (order - 1)).squareRoot() }
    (r[n - 1, 1], r[n - 1, n - 1]) = (-half, half)
    return r
  }

  /// R̃·diag(1, Q') with a uniformly random orthogonal Q'.
  ///
  /// The product spreads an outlier less evenly than R̃: Q' also mixes the constant row.
  /// - Parameter stream: entry (i, j) of the Gaussian matrix behind Q' is its normal number at i·(n − 1) + j.
  static func completedBase(order n: Int, _ stream: RandomStream) -> Matrix {
    guard n > 1 else { return base(order: n) }
    let gaussian = Matrix(
      rows: n - 1, columns: n - 1, values: (0..<(n - 1) * (n - 1)).map { stream.normal(at: $0) })
    let q = gaussian.qr().q
    var completion = Matrix.identity(n)
    for i in 0..<n - 1 { for j in 0..<n - 1 { completion[i + 1, j + 1] = q[i, j] } }
    return base(order: n) * completion
  }
}

extension Matrix {
  /// E·A·E for the exchange E of the indices 0 and `c`: rows and columns 0 and `c` swapped.
  func exchangingFirst(with c: Int) -> Matrix {
    var swapped = self
    func index(_ i: Int) -> Int { i == 0 ? c : i == c ? 0 : i }
    for i in 0..<rows { for j in 0..<columns { swapped[i, j] = self[index(i), index(j)] } }
    return swapped
  }
}

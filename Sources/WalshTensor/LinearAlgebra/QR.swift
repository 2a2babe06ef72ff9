#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

/// A = Q·R with orthonormal columns in Q and an upper triangular R whose diagonal is not negative.
///
/// The sign rule makes the factorisation unique for a matrix of full column rank; with it, Q of a Gaussian matrix is
/// Haar distributed.
public struct QRFactors: Sendable {
  /// Shape m×n with orthonormal columns.
  public let q: Matrix
  /// Shape n×n, upper triangular.
  public let r: Matrix
}

extension Matrix {
  /// The QR factors of an m×n matrix, m ≥ n, by Householder reflections.
  ///
  /// - Complexity: 2mn² multiply-adds.
  public func qr() -> QRFactors {
    precondition(rows >= columns, "QR needs at least as many rows as columns, not \(rows)×\(columns).")
    guard columns > 0 else { return QRFactors(q: self, r: .zeros(0, 0)) }
    BLAS.prepare()
    var a = transposed.values
    var m = Int32(rows)
    var n = Int32(columns)
    var k = n
    var lda = m
    var tau = [Double](repeating: 0, count: columns)
    var work = [Double](repeating: 0, count: 64 * columns)
    var workCount = Int32(work.count)
    var info: Int32 = 0
    dgeqrf_(&m, &n, &a, &lda, &tau, &work, &workCount, &info)
    var r = Matrix.zeros(columns, columns)
    for i in 0..<columns { for j in i..<columns { r[i, j] = a[j * rows + i] } }
    dorgqr_(&m, &n, &k, &a, &lda, &tau, &work, &workCount, &info)
    var q = Matrix(rows: columns, columns: rows, values: a).transposed
    for j in 0..<columns where r[j, j] < 0 {
      for i in 0..<rows { q[i, j].negate() }
      for c in j..<columns { r[j, c].negate() }
    }
    return QRFactors(q: q, r: r)
  }
}

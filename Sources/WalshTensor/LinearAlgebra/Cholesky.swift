#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

extension Matrix {
  /// The upper triangular U with A = UᵀU, zeros below its diagonal. A must be symmetric; only its upper triangle is read.
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`. NaN counts as not positive.
  /// - Complexity: n³/3 multiply-adds.
  public func choleskyUpper() throws(LinearAlgebraError) -> Matrix {
    var u = try factored()
    for i in 0..<rows { for j in 0..<i { u[i, j] = 0 } }
    return u
  }

  /// The inverse of a symmetric positive definite matrix; only the upper triangle is read.
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  /// - Complexity: n³ multiply-adds.
  public func inverseOfPositiveDefinite() throws(LinearAlgebraError) -> Matrix {
    var a = try factored()
    var n = Int32(rows)
    var lda = max(1, n)
    var info: Int32 = 0
    // Row-major upper is LAPACK's column-major lower.
    var uplo = Int8(UInt8(ascii: "L"))
    dpotri_(&uplo, &n, &a.values, &lda, &info)
    if info != 0 { throw .notPositiveDefinite(order: Int(info)) }
    for i in 0..<rows { for j in 0..<i { a[i, j] = a[j, i] } }
    return a
  }

  /// The solution X of A·X = B for a symmetric positive definite A.
  ///
  /// - Throws: `LinearAlgebraError.notPositiveDefinite`.
  /// - Complexity: n³/3 + n² · `b.columns` multiply-adds.
  public func solvePositiveDefinite(_ b: Matrix) throws(LinearAlgebraError) -> Matrix {
    precondition(rows == b.rows, "A system of order \(rows) has no right-hand side with \(b.rows) rows.")
    let u = try choleskyUpper()
    return u.solveTriangular(u.solveTriangular(b, transposed: true), transposed: false)
  }

  /// The solution X of U·X = B, or of Uᵀ·X = B, for this upper triangular U with a non-zero diagonal.
  func solveTriangular(_ b: Matrix, transposed: Bool) -> Matrix {
    var x = b
    guard !x.values.isEmpty else { return x }
    x.values.withUnsafeMutableBufferPointer { x in
      values.withUnsafeBufferPointer { u in
        guard let x = x.baseAddress, let u = u.baseAddress else { return }
        BLAS.solveUpper(transposed: transposed, n: rows, columns: b.columns, u: u, b: x)
      }
    }
    return x
  }

  /// LAPACK's factor in the upper triangle; the lower one keeps the input.
  private func factored() throws(LinearAlgebraError) -> Matrix {
    precondition(rows == columns, "Only a square matrix has a Cholesky factor, not \(rows)×\(columns).")
    if let bad = diagonal.firstIndex(where: { !($0 > 0) || !$0.isFinite }) {
      throw .notPositiveDefinite(order: bad + 1)
    }
    BLAS.prepare()
    var a = self
    var n = Int32(rows)
    var lda = max(1, n)
    var info: Int32 = 0
    var uplo = Int8(UInt8(ascii: "L"))
    dpotrf_(&uplo, &n, &a.values, &lda, &info)
    if info != 0 { throw .notPositiveDefinite(order: Int(info)) }
    if a.diagonal.contains(where: { !$0.isFinite }) { throw .notPositiveDefinite(order: rows) }
    return a
  }
}

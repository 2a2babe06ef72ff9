#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

extension Matrix {
  /// The solution X of A·X = B by LU factorisation with row pivoting.
  ///
  /// - Throws: `LinearAlgebraError.singular` when a pivot is exactly zero, `notFinite` for NaN or infinity in A.
  /// - Complexity: 2n³/3 multiply-adds.
  public func solve(_ b: Matrix) throws(LinearAlgebraError) -> Matrix {
    precondition(
      rows == columns && rows == b.rows, "A \(rows)×\(columns) system cannot take a \(b.rows)×\(b.columns) side.")
    guard rows > 0 else { return b }
    if values.contains(where: { !$0.isFinite }) { throw .notFinite(routine: "the linear solver") }
    BLAS.prepare()
    // LAPACK sees the row-major A as Aᵀ, and solves with its transpose.
    var a = self
    var x = b.transposed
    var n = Int32(rows)
    var count = Int32(b.columns)
    var pivots = [Int32](repeating: 0, count: rows)
    var info: Int32 = 0
    var lda = n
    var ldb = n
    var m = n
    dgetrf_(&m, &n, &a.values, &lda, &pivots, &info)
    if info > 0 { throw .singular(column: Int(info) - 1) }
    if b.columns == 0 { return b }
    var transpose = Int8(UInt8(ascii: "T"))
    dgetrs_(&transpose, &n, &count, &a.values, &lda, &pivots, &x.values, &ldb, &info)
    return x.transposed
  }

  /// The inverse A⁻¹.
  ///
  /// - Throws: `LinearAlgebraError.singular` when a pivot is exactly zero, `notFinite` for NaN or infinity in A.
  public func inverse() throws(LinearAlgebraError) -> Matrix { try solve(.identity(rows)) }
}

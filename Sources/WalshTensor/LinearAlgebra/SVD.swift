#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

/// A = U·diag(σ)·Vᵀ.
public struct SingularValues: Sendable {
  /// Shape m×k with orthonormal columns, k = min(m, n).
  public let u: Matrix
  /// σ, in descending order, k values.
  public let values: [Double]
  /// Vᵀ, shape k×n with orthonormal rows.
  public let vTransposed: Matrix
}

extension Matrix {
  /// The thin singular value decomposition (divide and conquer).
  ///
  /// - Throws: `LinearAlgebraError.notFinite` for NaN or infinity in the matrix, `noConvergence`.
  public func singularValues() throws(LinearAlgebraError) -> SingularValues {
    let k = min(rows, columns)
    guard k > 0 else {
      return SingularValues(u: .zeros(rows, 0), values: [], vTransposed: .zeros(0, columns))
    }
    if values.contains(where: { !$0.isFinite }) {
      throw .notFinite(routine: "the singular value decomposition")
    }
    BLAS.prepare()
    // LAPACK sees Aᵀ = V·diag(σ)·Uᵀ: its left factor is our V, and both come back transposed into row-major order.
    var a = values
    var m = Int32(columns)
    var n = Int32(rows)
    var job = Int8(UInt8(ascii: "S"))
    var sigma = [Double](repeating: 0, count: k)
    var left = [Double](repeating: 0, count: columns * k)
    var right = [Double](repeating: 0, count: k * rows)
    var lda = m
    var ldu = m
    var ldvt = Int32(k)
    var integers = [Int32](repeating: 0, count: 8 * k)
    var work = [Double](repeating: 0, count: 4 * k * k + 7 * k + max(rows, columns) + 64 * (rows + columns))
    var workCount = Int32(work.count)
    var info: Int32 = 0
    dgesdd_(
      &job, &m, &n, &a, &lda, &sigma, &left, &ldu, &right, &ldvt, &work, &workCount, &integers, &info)
    if info != 0 { throw .noConvergence(routine: "the singular value decomposition") }
    return SingularValues(
      u: Matrix(rows: rows, columns: k, values: right), values: sigma,
      vTransposed: Matrix(rows: k, columns: columns, values: left))
  }
}

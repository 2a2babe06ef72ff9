#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

/// A = V·diag(λ)·Vᵀ of a symmetric matrix.
public struct SymmetricEigen: Sendable {
  /// λ, in descending order.
  public let values: [Double]
  /// V: column j is the unit eigenvector of `values[j]`; its largest entry in magnitude is positive.
  public let vectors: Matrix
}

extension Matrix {
  /// The eigenvalues and eigenvectors of a symmetric matrix; only the upper triangle is read.
  ///
  /// - Throws: `LinearAlgebraError.notFinite` for NaN or infinity in the matrix, `noConvergence`.
  /// - Complexity: about 9n³ multiply-adds.
  public func symmetricEigen() throws(LinearAlgebraError) -> SymmetricEigen {
    precondition(rows == columns, "Only a square matrix has eigenvalues, not \(rows)×\(columns).")
    guard rows > 0 else { return SymmetricEigen(values: [], vectors: self) }
    if values.contains(where: { !$0.isFinite }) { throw .notFinite(routine: "the eigenvalue solver") }
    BLAS.prepare()
    var a = self
    var n = Int32(rows)
    var w = [Double](repeating: 0, count: rows)
    var job = Int8(UInt8(ascii: "V"))
    var uplo = Int8(UInt8(ascii: "L"))
    var info: Int32 = 0
    var lda = n
    var work = [Double](repeating: 0, count: 1 + 6 * rows + 2 * rows * rows)
    var workCount = Int32(work.count)
    var integers = [Int32](repeating: 0, count: 3 + 5 * rows)
    var integerCount = Int32(integers.count)
    dsyevd_(
      &job, &uplo, &n, &a.values, &lda, &w, &work, &workCount, &integers, &integerCount, &info)
    if info != 0 { throw .noConvergence(routine: "the eigenvalue solver") }
    // Ascending, one eigenvector per row of the row-major result.
    var v = Matrix.zeros(rows, rows)
    for j in 0..<rows {
      let source = (rows - 1 - j) * rows
      var largest = 0.0
      for i in 0..<rows where abs(a.values[source + i]) > abs(largest) { largest = a.values[source + i] }
      let sign: Double = largest < 0 ? -1 : 1
      for i in 0..<rows { v[i, j] = sign * a.values[source + i] }
    }
    return SymmetricEigen(values: w.reversed(), vectors: v)
  }
}

#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

/// The system's BLAS, always on the calling thread.
///
/// Walsh cuts products into fixed tiles and distributes the tiles itself, so the library's own threads stay off: the
/// result does not depend on the number of threads, and there is one pool instead of two.
enum BLAS {
  /// Turns the library's threads off, once. Every entry point below touches it first.
  private static let singleThreaded: Void = {
    #if !canImport(Accelerate)
      openblas_set_num_threads(1)
    #endif
  }()

  /// C ← α·op(A)·op(B) + β·C, row-major; op(A) is m×k, op(B) is k×n. `lda`, `ldb`, `ldc` are row strides as stored.
  static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int, beta: Float = 0,
    c: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    _ = singleThreaded
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  /// The same in Float64.
  static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Double = 1,
    a: UnsafePointer<Double>, lda: Int, b: UnsafePointer<Double>, ldb: Int, beta: Double = 0,
    c: UnsafeMutablePointer<Double>, ldc: Int
  ) {
    _ = singleThreaded
    cblas_dgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  /// y ← A·x for a row-major m×k matrix.
  static func gemv(
    m: Int, k: Int, a: UnsafePointer<Float>, lda: Int, x: UnsafePointer<Float>,
    y: UnsafeMutablePointer<Float>
  ) {
    _ = singleThreaded
    cblas_sgemv(
      CblasRowMajor, CblasNoTrans, Int32(m), Int32(k), 1, a, Int32(lda), x, 1, 0, y, 1)
  }

  /// B ← U⁻¹·B, or U⁻ᵀ·B, for a row-major upper triangular U of order n and a row-major n×`columns` matrix B.
  static func solveUpper(
    transposed: Bool, n: Int, columns: Int, u: UnsafePointer<Double>, b: UnsafeMutablePointer<Double>
  ) {
    _ = singleThreaded
    cblas_dtrsm(
      CblasRowMajor, CblasLeft, CblasUpper, transposed ? CblasTrans : CblasNoTrans, CblasNonUnit, Int32(n),
      Int32(columns), 1, u, Int32(n), b, Int32(columns))
  }

  /// Makes LAPACK run on the calling thread too.
  static func prepare() { _ = singleThreaded }
}

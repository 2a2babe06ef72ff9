/// A dense, row-major matrix of `Double`: calibration statistics and everything that is solved.
///
/// Products and factorisations come from the system's BLAS and LAPACK, on one thread.
public struct Matrix: Sendable, Equatable {
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int
  /// The values, row-major.
  public var values: [Double]

  /// A matrix of `values` in row-major order; their number must be `rows * columns`.
  public init(rows: Int, columns: Int, values: [Double]) {
    precondition(
      values.count == rows * columns, "\(values.count) values do not fill a \(rows)×\(columns) matrix.")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// A matrix of zeros.
  public static func zeros(_ rows: Int, _ columns: Int) -> Matrix {
    Matrix(rows: rows, columns: columns, values: Array(repeating: 0, count: rows * columns))
  }

  /// The identity of order `n`.
  public static func identity(_ n: Int) -> Matrix { diagonal(Array(repeating: 1, count: n)) }

  /// The square matrix with `values` on its diagonal.
  public static func diagonal(_ values: [Double]) -> Matrix {
    var m = zeros(values.count, values.count)
    for (i, v) in values.enumerated() { m[i, i] = v }
    return m
  }

  /// The matrix of a tensor's rows along its last axis, widened exactly.
  public init(_ tensor: Tensor) {
    self.init(
      rows: tensor.rowCount, columns: tensor.columns,
      values: tensor.withUnsafeBufferPointer { $0.map(Double.init) })
  }

  /// The value in row `i`, column `j`.
  public subscript(i: Int, j: Int) -> Double {
    get { values[i * columns + j] }
    set { values[i * columns + j] = newValue }
  }

  /// The values on the diagonal.
  public var diagonal: [Double] { (0..<min(rows, columns)).map { self[$0, $0] } }

  /// The transposed matrix.
  public var transposed: Matrix {
    var t = Matrix.zeros(columns, rows)
    for i in 0..<rows { for j in 0..<columns { t.values[j * rows + i] = values[i * columns + j] } }
    return t
  }

  /// The matrix product A·B; `a.columns` must equal `b.rows`.
  public static func * (a: Matrix, b: Matrix) -> Matrix {
    precondition(
      a.columns == b.rows, "A \(a.rows)×\(a.columns) matrix cannot multiply a \(b.rows)×\(b.columns) one.")
    var c = Matrix.zeros(a.rows, b.columns)
    guard !c.values.isEmpty, a.columns > 0 else { return c }
    c.values.withUnsafeMutableBufferPointer { out in
      a.values.withUnsafeBufferPointer { p in
        b.values.withUnsafeBufferPointer { q in
          guard let o = out.baseAddress, let p = p.baseAddress, let q = q.baseAddress else { return }
          BLAS.gemm(
            m: a.rows, n: b.columns, k: a.columns, a: p, lda: a.columns, b: q, ldb: b.columns, c: o,
            ldc: b.columns)
        }
      }
    }
    return c
  }

  /// The sum of two matrices of equal shape.
  public static func + (a: Matrix, b: Matrix) -> Matrix {
    precondition(a.rows == b.rows && a.columns == b.columns, "Only matrices of equal shape add.")
    return Matrix(rows: a.rows, columns: a.columns, values: zip(a.values, b.values).map { $0 + $1 })
  }

  /// Adds `value` to every diagonal entry.
  public mutating func addToDiagonal(_ value: Double) {
    for i in 0..<min(rows, columns) { self[i, i] += value }
  }

  /// The mean of the diagonal, 0 for an empty matrix.
  public var meanDiagonal: Double {
    let d = diagonal
    return d.isEmpty ? 0 : d.reduce(0, +) / Double(d.count)
  }
}

extension Tensor {
  /// The values of a matrix rounded to `Float`, shape `[rows, columns]`.
  public init(_ matrix: Matrix) {
    self.init(matrix.values.map(Float.init), shape: [matrix.rows, matrix.columns])
  }
}

/// Why a factorisation has no answer.
public enum LinearAlgebraError: Error, Equatable, CustomStringConvertible {
  /// The leading minor of this order is not positive.
  case notPositiveDefinite(order: Int)
  /// The pivot in this column is exactly zero.
  case singular(column: Int)
  /// The matrix holds NaN or infinity.
  case notFinite(routine: String)
  /// The iteration did not converge.
  case noConvergence(routine: String)

  public var description: String {
    switch self {
    case .notPositiveDefinite(let order):
      "The matrix is not positive definite (its leading minor of order \(order) is not positive); add more damping or more calibration data."
    case .singular(let column):
      "The matrix is singular (its pivot in column \(column) is zero) and has no inverse."
    case .notFinite(let routine):
      "The matrix given to \(routine) holds NaN or infinity; check the weights and activations it was computed from."
    case .noConvergence(let routine):
      "The iteration of \(routine) did not converge; the matrix is too badly scaled."
    }
  }
}

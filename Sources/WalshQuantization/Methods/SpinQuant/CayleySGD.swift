import WalshTensor

/// Gradient descent among matrices with orthonormal rows, along Cayley's curve.
///
/// For X of shape p×n with X·Xᵀ = I and the gradient G of a loss by X:
///
///     V = −Gᵀ     M = V·X     Ŵ = M − ½·XᵀX·M     W = Ŵ − Ŵᵀ     (skew, n×n)
///     α = min(η, 1 / (‖W‖₁ + 10⁻⁸))
///     Y = (I − α/2·W)⁻¹·(I + α/2·W)·Xᵀ,  by Y₀ = Xᵀ + α·V,  Y ← Xᵀ + α/2·W·(Xᵀ + Y),  five times
///     X ← Yᵀ
///
/// The exact Y has orthonormal columns for every skew W; five iterations leave an error of order (α·‖W‖/2)⁶, so rows are
/// brought to length one before each step and the whole matrix is made orthonormal now and then. All in Float64.
///
/// Source: Li, Fuxin and Todorovic, arXiv 2002.01113, as SpinQuant's code (arXiv 2405.16406) uses it, without momentum.
public struct CayleySGD: Sendable, Hashable {
  /// Iterations of the fixed point.
  public var iterations: Int
  /// How likely a step makes the matrix orthonormal first.
  public var retractionProbability: Double

  public init(iterations: Int = 5, retractionProbability: Double = 1.0 / 101) {
    self.iterations = iterations
    self.retractionProbability = retractionProbability
  }

  /// X behind one step against the gradient.
  ///
  /// - Parameters:
  ///   - x: X, rows orthonormal but for the error of the steps before; no row may be zero.
  ///   - gradient: G, of the same shape.
  ///   - rate: η, above 0.
  ///   - draw: a uniform random number in (0, 1); below the retraction probability X is made orthonormal first.
  /// - Complexity: about 2n³ + (iterations + 3)·p·n² multiply-adds.
  public func step(_ x: Matrix, gradient: Matrix, rate: Double, draw: Double = 1) -> Matrix {
    precondition(
      x.rows == gradient.rows && x.columns == gradient.columns && x.rows <= x.columns,
      "A step needs a gradient of the matrix' shape \(x.rows)×\(x.columns), no more rows than columns.")
    let unit = draw < retractionProbability ? x.withUnitRows.withOrthonormalRows : x.withUnitRows
    let columns = unit.transposed
    let descent = gradient.transposed.scaled(by: -1)
    let m = descent * unit
    let half = m.adding(columns * (unit * m), times: -0.5)
    let w = half.adding(half.transposed, times: -1)
    let alpha = min(rate, 1 / (w.largestColumnSum + 1e-8))
    var y = columns.adding(descent, times: alpha)
    for _ in 0..<iterations { y = columns.adding(w * (columns + y), times: alpha / 2) }
    return y.transposed
  }
}

extension Matrix {
  /// The rows scaled to length one.
  fileprivate var withUnitRows: Matrix {
    var result = self
    for i in 0..<rows {
      let row = i * columns..<(i + 1) * columns
      let length = values[row].reduce(0) { $0 + $1 * $1 }.squareRoot()
      for j in row { result.values[j] /= length }
    }
    return result
  }

  /// Orthonormal rows that span the same spaces, first row first: Qᵀ of the transposed matrix' QR factors with a positive
  /// diagonal.
  ///
  /// Of a matrix with rows that are orthonormal to ε it differs by ε.
  var withOrthonormalRows: Matrix { transposed.qr().q.transposed }

  /// ‖A‖₁, the largest sum of magnitudes in a column.
  fileprivate var largestColumnSum: Double {
    var sums = [Double](repeating: 0, count: columns)
    for i in 0..<rows { for j in 0..<columns { sums[j] += abs(values[i * columns + j]) } }
    return sums.max() ?? 0
  }

  /// A + factor·B.
  fileprivate func adding(_ other: Matrix, times factor: Double) -> Matrix {
    Matrix(rows: rows, columns: columns, values: zip(values, other.values).map { $0 + factor * $1 })
  }
}

import WalshTensor
import WalshTransforms

/// A learned matrix P with P⁻ᵀ, both functions of the same parameters.
struct InvertiblePair {
  /// P, shape `[n, n]`.
  let matrix: Tensor
  /// P⁻ᵀ, shape `[n, n]`.
  let inverseTranspose: Tensor

  var inverse: InvertiblePair {
    InvertiblePair(matrix: inverseTranspose.transposed(), inverseTranspose: matrix.transposed())
  }
  var transpose: InvertiblePair {
    InvertiblePair(matrix: matrix.transposed(), inverseTranspose: inverseTranspose.transposed())
  }
  /// The same map as a constant.
  var dense: DenseTransform { DenseTransform(matrix.detached(), inverse: inverseTranspose.detached().transposed()) }
}

/// How a matrix of order n is parametrised. arXiv 2410.09426 and its code: section 3.6 of our specification.
enum InvertibleMatrix {
  /// P = U·diag(s)·Vᵀ and P⁻ᵀ = U·diag(1/s)·Vᵀ with U and V from Cayley's map of Θ_U and Θ_V.
  case svd(u: LearnedParameters.Key, s: LearnedParameters.Key, v: LearnedParameters.Key)
  /// Θ = P; P⁻ᵀ is solved for.
  case direct(LearnedParameters.Key)

  /// The smallest singular value of P that calibration allows.
  static let smallestSingularValue: Float = 1e-3
  /// How far a step may move P, measured as ‖P⁻¹·ΔP‖: below 1 no matrix between the two is singular.
  static let largestStep = 0.9

  /// Adds the parameters of a matrix of order `n` at their start: Θ a uniformly random orthogonal matrix, s = 1.
  ///
  /// For `svd` the start is Cayley's image of the lower triangles, a moderate rotation, as in the code; for `inverse` it is Θ.
  init(
    order n: Int, _ parametrisation: FlatQuantSettings.Parametrisation, stream: (_ part: UInt64) -> RandomStream,
    in parameters: inout LearnedParameters
  ) {
    func orthogonal(_ part: UInt64) -> Tensor { Rotation.haar(n, stream(part)).matrix() }
    switch parametrisation {
    case .svd:
      self = .svd(
        u: parameters.addTransform(orthogonal(0)), s: parameters.addTransform(Tensor(shape: [n], repeating: 1)),
        v: parameters.addTransform(orthogonal(1)))
    case .inverse: self = .direct(parameters.addTransform(orthogonal(0)))
    }
  }

  /// P and P⁻ᵀ, differentiable by the parameters.
  ///
  /// - Throws: `LinearAlgebraError` when a matrix has no inverse, which `hold` prevents, or holds NaN.
  func pair(_ parameters: LearnedParameters) throws -> InvertiblePair {
    switch self {
    case .svd(let u, let s, let v):
      let (u, s, v) = (try parameters[u].cayley(), parameters[s], try parameters[v].cayley())
      return InvertiblePair(
        matrix: u.scalingColumns(by: s).matmulTransposed(v),
        inverseTranspose: u.dividingColumns(by: s).matmulTransposed(v))
    case .direct(let p):
      return InvertiblePair(matrix: parameters[p], inverseTranspose: try parameters[p].inverted().transposed())
    }
  }

  /// Holds a step back that would make P singular or turn a sign: singular values stay at 1e-3 or above, and a matrix moves
  /// no farther than to where it is certainly invertible.
  ///
  /// - Returns: the number of values held back.
  func hold(from old: LearnedParameters, to new: inout LearnedParameters) throws -> Int {
    switch self {
    case .svd(_, let s, _): return new[s].hold(atLeast: Self.smallestSingularValue)
    case .direct(let p):
      let (before, after) = (Matrix(old[p]), Matrix(new[p]))
      let step = try before.inverse() * (after + before.scaled(by: -1))
      let size = step.operatorNormBound
      guard size > Self.largestStep else { return 0 }
      let share = Float(Self.largestStep / size)
      new[p] = old[p] + (new[p] - old[p]) * share
      return 1
    }
  }
}

extension Tensor {
  /// Cayley's map U = 2·(I − A/2)⁻¹ − I of the skew-symmetric A = L − Lᵀ, L the strictly lower triangle of this square
  /// matrix: orthogonal with determinant 1. Differentiable; diagonal and upper triangle have no gradient.
  ///
  /// - Throws: `LinearAlgebraError` for NaN; I − A/2 is never singular.
  func cayley() throws(LinearAlgebraError) -> Tensor {
    let n = columns
    let lower = self * Tensor((0..<n * n).map { $0 / n > $0 % n ? 1 : 0 }, shape: [n, n])
    let halved = (lower - lower.transposed()) * -0.5
    return try (halved + .identity(n)).inverted() * 2 - .identity(n)
  }

  /// Raises values below `least` to it, and counts them; NaN stays for others to find.
  mutating func hold(atLeast least: Float) -> Int {
    var count = 0
    withUnsafeMutableBufferPointer { x in
      for i in x.indices where x[i] < least {
        x[i] = least
        count += 1
      }
    }
    return count
  }
}

extension Matrix {
  /// An upper bound of the largest singular value: the smaller of the Frobenius norm and √(‖A‖₁·‖A‖∞).
  fileprivate var operatorNormBound: Double {
    var columnSums = [Double](repeating: 0, count: columns)
    var largestRow = 0.0
    var squares = 0.0
    for i in 0..<rows {
      var sum = 0.0
      for j in 0..<columns {
        let magnitude = abs(self[i, j])
        sum += magnitude
        columnSums[j] += magnitude
        squares += magnitude * magnitude
      }
      largestRow = max(largestRow, sum)
    }
    return min(squares.squareRoot(), ((columnSums.max() ?? 0) * largestRow).squareRoot())
  }
}

import WalshTensor

/// A transform given by its matrix P, and the inverse of it.
public struct DenseTransform: LinearTransform, Equatable {
  private let forward: Tensor
  private let backward: Tensor
  public let isOrthogonal: Bool

  /// The transform with matrix `p`, whose inverse is solved for in Float64.
  ///
  /// When P·Pᵀ = I to 1e-5 in every entry the transform counts as orthogonal and its inverse is Pᵀ.
  ///
  /// - Parameter p: shape `[n, n]`, n ≥ 1.
  /// - Throws: `LinearAlgebraError.singular` when P has no inverse.
  /// - Complexity: about 2n³ multiply-adds.
  public init(_ p: Tensor) throws(LinearAlgebraError) {
    DenseTransform.checkSquare(p)
    if DenseTransform.orthogonalityError(of: p) <= 1e-5 {
      self.init(p, inverse: p.transposed(), isOrthogonal: true)
    } else {
      self.init(p, inverse: Tensor(try Matrix(p).inverse()), isOrthogonal: false)
    }
  }

  /// The orthogonal transform with matrix `q`; the inverse is Qᵀ and nothing is solved.
  ///
  /// - Parameter q: shape `[n, n]` with Q·Qᵀ = I to 1e-5 in every entry.
  public init(orthogonal q: Tensor) {
    DenseTransform.checkSquare(q)
    precondition(DenseTransform.orthogonalityError(of: q) <= 1e-5, "The matrix is not orthogonal to 1e-5.")
    self.init(q, inverse: q.transposed(), isOrthogonal: true)
  }

  /// The transform with matrix `p` and a known inverse; nothing is solved or checked.
  ///
  /// - Parameters:
  ///   - p: shape `[n, n]`, n ≥ 1.
  ///   - inverse: P⁻¹, of that shape.
  public init(_ p: Tensor, inverse: Tensor) {
    DenseTransform.checkSquare(p)
    DenseTransform.checkSquare(inverse)
    precondition(p.shape == inverse.shape, "A matrix \(p.shape) has no inverse of shape \(inverse.shape).")
    self.init(p, inverse: inverse, isOrthogonal: false)
  }

  private init(_ p: Tensor, inverse: Tensor, isOrthogonal: Bool) {
    forward = p
    backward = inverse
    self.isOrthogonal = isOrthogonal
  }

  public var dimension: Int { forward.columns }
  public var flopsPerRow: Int { 2 * dimension * dimension }

  public func apply(to x: inout Tensor) {
    checkShape(x)
    // Chunks keep the intermediate result in the cache and off the allocator; 1024 rows are enough for a large product.
    x.forEachRowChunk(minimumRows: 1024) { rows, p in
      let count = rows.count * dimension
      let part = Tensor(shape: [rows.count, dimension]) { $0.baseAddress?.initialize(from: p, count: count) }
      part.matmul(forward).withUnsafeBufferPointer { result in
        guard let result = result.baseAddress else { return }
        p.update(from: result, count: count)
      }
    }
  }

  public func matrix() -> Tensor { forward }

  public var inverse: any LinearTransform {
    DenseTransform(backward, inverse: forward, isOrthogonal: isOrthogonal)
  }

  public var transpose: any LinearTransform {
    DenseTransform(forward.transposed(), inverse: backward.transposed(), isOrthogonal: isOrthogonal)
  }

  public var description: String { "\(isOrthogonal ? "orthogonal" : "dense") \(dimension)" }

  private static func checkSquare(_ p: Tensor) {
    precondition(!p.isTracked, "A transform holds constants; multiply by a tracked matrix with matmul.")
    precondition(
      p.rank == 2 && p.shape[0] == p.shape[1] && p.count > 0,
      "A transform has a square matrix, not one of shape \(p.shape).")
  }

  /// The largest |(P·Pᵀ − I)[i, j]|, NaN when P holds NaN.
  private static func orthogonalityError(of p: Tensor) -> Double {
    let gram = Matrix(p) * Matrix(p).transposed
    var largest = 0.0
    for i in 0..<gram.rows {
      for j in 0..<gram.columns {
        let error = abs(gram[i, j] - (i == j ? 1 : 0))
        if !(error <= largest) { largest = error }
        if error.isNaN { return error }
      }
    }
    return largest
  }
}

import WalshTensor

/// Orthogonal transforms by recipe: structured random rotations, the uniform one, and the data's own axes.
///
/// Random ones depend on their stream alone. Source of the structured ones: "Approximating uniform random rotations by
/// two-block structured Hadamard rotations in high dimensions" (arXiv 2604.23418).
public enum Rotation {
  /// One block, x → x·D·Hᵀ/√n: random signs, then a Hadamard transform. It spreads the energy of dense inputs; a sparse
  /// input stays recognisable. Sign i is the one at position i of the stream.
  ///
  /// - Throws: `HadamardError.unknownOrder` when no Hadamard matrix of order n is known here.
  /// - Complexity: n·log₂n additions a row when n is a power of two.
  public static func randomizedHadamard(
    _ n: Int, _ stream: RandomStream
  ) throws(HadamardError) -> HadamardTransform {
    try HadamardTransform(order: n, inputSigns: signs(n, stream, block: 0))
  }

  /// Two blocks, H·D₂·H·D₁ with D₁ acting first: every single coordinate of the result is distributed like that of a
  /// uniform rotation up to 0.894/√n in Kolmogorov distance, for every input. D₁ has the signs at positions 0 ..< n of
  /// the stream, D₂ those at n ..< 2n.
  ///
  /// - Throws: `HadamardError.unknownOrder` when no Hadamard matrix of order n is known here.
  public static func twoBlock(_ n: Int, _ stream: RandomStream) throws(HadamardError) -> CompositeTransform {
    CompositeTransform([
      try HadamardTransform(order: n, inputSigns: signs(n, stream, block: 0)),
      try HadamardTransform(order: n, inputSigns: signs(n, stream, block: 1)),
    ])
  }

  /// A uniformly distributed (Haar) orthogonal matrix: Q of a Gaussian matrix whose R has a positive diagonal. Entry
  /// (i, j) of the Gaussian matrix is the normal number at position i·n + j of the stream.
  ///
  /// - Complexity: O(n³) to draw, 2n² a row to apply.
  public static func haar(_ n: Int, _ stream: RandomStream) -> DenseTransform {
    precondition(n > 0, "A rotation acts on an axis of at least one value, not \(n).")
    let gaussian = Matrix(rows: n, columns: n, values: (0..<n * n).map { stream.normal(at: $0) })
    return DenseTransform(orthogonal: Tensor(gaussian.qr().q))
  }

  /// The same plain Hadamard transform of order `block` on every group of `block` channels.
  ///
  /// - Throws: `HadamardError.blockDoesNotDivide` when `block` does not divide n, `unknownOrder` when no matrix of that
  ///   order is known here.
  public static func blockHadamard(_ n: Int, block: Int) throws(HadamardError) -> BlockDiagonalTransform {
    guard n > 0, block > 0, n % block == 0 else {
      throw block > 0 && n > 0 ? .blockDoesNotDivide(block: block, dimension: n) : .unknownOrder(min(n, block))
    }
    return BlockDiagonalTransform(block: try HadamardTransform(order: block), count: n / block)
  }

  /// The Karhunen-Loève transform of data with this covariance: x → x·V with the unit eigenvectors in the columns of V,
  /// largest eigenvalue first. The channels of the result are uncorrelated; a Hadamard transform after it gives all of
  /// them the same variance (MambaQuant, section 3.3).
  ///
  /// - Parameter covariance: symmetric, shape n×n, not empty; only one triangle is read.
  /// - Throws: `LinearAlgebraError.noConvergence` when it holds NaN or infinity.
  public static func karhunenLoeve(covariance: Matrix) throws(LinearAlgebraError) -> DenseTransform {
    DenseTransform(orthogonal: Tensor(try covariance.symmetricEigen().vectors))
  }

  private static func signs(_ n: Int, _ stream: RandomStream, block: Int) -> [Float] {
    (0..<max(0, n)).map { stream.sign(at: block * n + $0) }
  }
}

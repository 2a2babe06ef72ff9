import WalshTensor
import WalshTransforms

/// The map of an activation while it is learned: L ⊗ R whose gradients reach the parameters behind L and R.
struct LearnedTransform: LinearTransform {
  /// L; nil for the identity.
  let left: InvertiblePair?
  /// R; nil for the identity.
  let right: InvertiblePair?
  let dimension: Int

  let isOrthogonal = false
  var flopsPerRow: Int {
    2 * dimension * ((left?.matrix.columns ?? 0) + (right?.matrix.columns ?? 0))
  }

  func applied(to x: Tensor) -> Tensor {
    if let left { return x.kroneckerProduct(left: left.matrix, right: right?.matrix) }
    guard let right else { return x }
    let n = right.matrix.columns
    return x.reshaped(to: [x.count / n, n]).matmul(right.matrix).reshaped(to: x.shape)
  }

  func apply(to x: inout Tensor) { x = applied(to: x).detached() }

  /// P⁻ᵀ of a weight whose input takes diag(`scale`)·P: the columns divided, then L⁻ᵀ ⊗ R⁻ᵀ.
  func undone(in weight: Tensor, scale: Tensor?) -> Tensor {
    let reciprocal = scale.map { Tensor(shape: $0.shape, repeating: 1) / $0 }
    if let left {
      return weight.kroneckerProduct(
        scale: reciprocal, left: left.inverseTranspose, right: right?.inverseTranspose)
    }
    let scaled = reciprocal.map { weight.scalingColumns(by: $0) } ?? weight
    guard let right else { return scaled }
    return LearnedTransform(
      left: nil, right: InvertiblePair(matrix: right.inverseTranspose, inverseTranspose: right.matrix),
      dimension: dimension
    ).applied(to: scaled)
  }

  var inverse: any LinearTransform {
    LearnedTransform(left: left?.inverse, right: right?.inverse, dimension: dimension)
  }
  var transpose: any LinearTransform {
    LearnedTransform(left: left?.transpose, right: right?.transpose, dimension: dimension)
  }
  var description: String { "learned \(dimension)" }
}

import WalshFormats
import WalshTensor

/// A linear layer, y = x·Wᵀ + b.
public struct Linear: Sendable {
  /// How the weight is held.
  public enum Weight: Sendable {
    /// Full precision, shape `[outputs, inputs]`.
    case dense(Tensor)
    /// Packed; products compute on the packed bits.
    case packed(PackedMatrix)
  }

  /// W.
  public var weight: Weight
  /// b, `outputs` values.
  public var bias: Tensor?

  public init(_ weight: Weight, bias: Tensor? = nil) {
    self.weight = weight
    self.bias = bias
  }

  /// The weight in full precision, shape `[outputs, inputs]`.
  public var denseWeight: Tensor {
    switch weight {
    case .dense(let w): w
    case .packed(let w): w.unpacked()
    }
  }

  /// x·Wᵀ + b; the last extent of `x` is the number of inputs.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let product =
      switch weight {
      case .dense(let w): x.matmulTransposed(w)
      case .packed(let w): w.multiply(x)
      }
    return bias.map { product.addingToRows($0) } ?? product
  }
}

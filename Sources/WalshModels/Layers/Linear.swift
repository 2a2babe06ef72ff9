import WalshFormats
import WalshTensor

/// How a linear layer multiplies its input with its weight.
public protocol LinearProduct: Sendable {
  /// X·Wᵀ, differentiable in both where they are tracked.
  ///
  /// - Parameters:
  ///   - x: any shape with `inputs` as its last extent.
  ///   - weight: shape `[outputs, inputs]`.
  /// - Returns: the shape of `x` with its last extent replaced by `outputs`.
  func callAsFunction(_ x: Tensor, _ weight: Tensor) -> Tensor
}

/// A linear layer, y = x·Wᵀ + b.
public struct Linear: Sendable {
  /// How the weight is held.
  public enum Weight: Sendable {
    /// Full precision, shape `[outputs, inputs]`.
    case dense(Tensor)
    /// Four bits, repacked; products compute on the packed bits.
    case interleaved(InterleavedMatrix)
    /// At the two bytes a value of its checkpoint; products widen it exactly.
    case bfloat16(BFloat16Matrix)
    /// Packed in a format that has no interleaved form; products decode it.
    case packed(PackedMatrix)
    /// Full precision, multiplied in an arithmetic of its own, such as that of a training recipe.
    case custom(Tensor, any LinearProduct)
  }

  /// W.
  public var weight: Weight
  /// b, `outputs` values.
  public var bias: Tensor?
  /// How the layer rounds what it reads, where the layers of its group do not share one rounded activation.
  public var activation: ActivationQuantizer?

  public init(_ weight: Weight, bias: Tensor? = nil) {
    self.weight = weight
    self.bias = bias
  }

  /// Whether the weight is held in bfloat16.
  var hasBFloat16Weight: Bool { if case .bfloat16 = weight { true } else { false } }

  /// The weight in full precision, shape `[outputs, inputs]`.
  public var denseWeight: Tensor {
    switch weight {
    case .dense(let w): w
    case .interleaved(let w): w.unpacked()
    case .bfloat16(let w): w.unpacked()
    case .packed(let w): w.unpacked()
    case .custom(let w, _): w
    }
  }

  /// x·Wᵀ + b; the last extent of `input` is the number of inputs.
  public func callAsFunction(_ input: Tensor) -> Tensor {
    let x = activation?(input) ?? input
    return switch weight {
    case .dense(let w): biased(x.matmulTransposed(w))
    case .interleaved(let w): biased(w.multiply(x))
    case .bfloat16(let w): biased(w.multiply(x))
    case .packed(let w): biased(w.multiply(x))
    case .custom(let w, let multiply): biased(multiply(x, w))
    }
  }

  /// x·Wᵀ + b for what the layer's input stage made for it.
  public func callAsFunction(_ input: LayerInput) -> Tensor {
    switch (input, weight) {
    case (.rounding(let x), .bfloat16(let w)): biased(w.multiply(rounding: x))
    case (.values(let x), _), (.rounding(let x), _): self(x)
    case (.rows(let x, let leading), .interleaved(let w)):
      biased(w.multiply(x).reshaped(to: leading + [w.rows]))
    case (.rows, _): preconditionFailure("Integer activations are made for layers with four-bit weights only.")
    }
  }

  /// A product with b added to its rows.
  private func biased(_ product: Tensor) -> Tensor {
    bias.map { product.addingToRows($0) } ?? product
  }
}

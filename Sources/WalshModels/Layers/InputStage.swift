import WalshFormats
import WalshTensor
import WalshTransforms

/// What happens to a group's activation before its linear layers read it: an online transform, then quantization.
public struct InputStage: Sendable {
  /// The online transform, x ← x·P.
  public var transform: (any LinearTransform)?
  /// How the transformed activation is quantized; nil for full precision.
  public var activation: ActivationQuantizer?

  /// A stage that leaves the activation as it is, unless told otherwise.
  public init(transform: (any LinearTransform)? = nil, activation: ActivationQuantizer? = nil) {
    self.transform = transform
    self.activation = activation
  }

  /// The activation that the group's layers read.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let transformed = transform.map { x.transformed(by: $0) } ?? x
    return activation?(transformed) ?? transformed
  }
}

/// Rounds activations to a format, row by row (token by token), with scales found as it goes.
public struct ActivationQuantizer: Sendable {
  /// The format.
  public let format: NumericFormat
  /// The calibrated largest magnitude that fixes a two-level format's tensor scale, so that the result of a token does
  /// not depend on the other tokens of the call; nil for formats without a tensor scale.
  public let amax: Float?

  public init(format: NumericFormat, amax: Float? = nil) {
    self.format = format
    self.amax = amax
  }

  /// The rounded activation.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    Quantizer(format: format).fakeQuantize(x, amax: amax)
  }
}

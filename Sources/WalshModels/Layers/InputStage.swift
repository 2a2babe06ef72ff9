import WalshFormats
import WalshTensor
import WalshTransforms

/// What happens to a group's activation before its linear layers read it: an online transform, then quantization.
public struct InputStage: Sendable {
  /// The online transform, x ← x·P.
  public var transform: (any LinearTransform)?
  /// How the transformed activation is quantized; nil for full precision.
  public var activation: ActivationQuantizer?
  /// In what numbers activations in full precision meet four-bit and bfloat16 weights.
  public var precision = ActivationPrecision.float32

  /// A stage that leaves the activation as it is, unless told otherwise.
  public init(transform: (any LinearTransform)? = nil, activation: ActivationQuantizer? = nil) {
    self.transform = transform
    self.activation = activation
  }

  /// The values of the activation that the group's layers read.
  public func callAsFunction(_ x: Tensor) -> Tensor { rounded(transformed(x)) }

  private func transformed(_ x: Tensor) -> Tensor { transform.map { x.transformed(by: $0) } ?? x }

  private func rounded(_ x: Tensor) -> Tensor { activation?(x) ?? x }

  /// The activation in the form that `layers`, those of a group, read it in.
  ///
  /// Where all of them have four-bit weights of one format, the activation becomes integers once for all: the codes of
  /// `activation` where its format is that of the weights, so that products are exact in both operands; else what
  /// `precision` says.
  public func callAsFunction(_ x: Tensor, for layers: [Linear]) -> LayerInput {
    // Layers that round for themselves read the values.
    if layers.contains(where: { $0.activation != nil }) { return .values(self(x)) }
    if precision == .bfloat16, layers.allSatisfy(\.hasBFloat16Weight) { return .rounding(self(x)) }
    guard !x.isTracked, let weight = layers.commonWeight else { return .values(self(x)) }
    return .rows(rows(x, for: weight), Array(x.shape.dropLast()))
  }

  private func rows(_ x: Tensor, for weight: InterleavedMatrix) -> QuantizedRows {
    let prepare = transform.map { transform in { (rows: inout Tensor) in transform.apply(to: &rows) } }
    guard let activation else {
      switch precision {
      case .float32, .bfloat16: return QuantizedRows(exact: x, for: weight, preparedBy: prepare)
      case .int8: return QuantizedRows(int8: x, for: weight, preparedBy: prepare)
      }
    }
    if weight.multiplies(activation.format) {
      return QuantizedRows(activation.pack(transformed(x)), for: weight)
    }
    return QuantizedRows(exact: activation(transformed(x)), for: weight)
  }

  /// Makes the integers of `callAsFunction(_:for:)` for one token in the memory of other ones, if that can be done.
  ///
  /// - Parameters:
  ///   - x: the activation; it is transformed in place.
  ///   - weight: the weight of the first of the layers, which all have four-bit weights of one format.
  ///   - rows: becomes the integers.
  /// - Returns: false, with nothing changed, where there are no rows yet or the stage has a quantizer.
  func quantize(_ x: inout Tensor, for weight: InterleavedMatrix, into rows: inout QuantizedRows?) -> Bool {
    guard activation == nil, rows != nil else { return false }
    transform?.apply(to: &x)
    x.withUnsafeBufferPointer { x in
      if precision == .int8 { rows?.replace(int8: x, for: weight) } else { rows?.replace(exact: x, for: weight) }
    }
    return true
  }
}

/// In what numbers activations that a model does not quantize meet its narrow weights.
public enum ActivationPrecision: String, Sendable, CaseIterable {
  /// As accurate as products in Float32; what evaluation uses.
  case float32
  /// int8 under the largest magnitude of each 32 columns (16 for NVFP4): three times as fast, with errors far below those
  /// of four-bit weights.
  case int8
  /// Rounded to bfloat16 where weights are bfloat16, up to twice as fast in prompts; elsewhere `float32`.
  case bfloat16
}

/// An activation as linear layers read it.
public enum LayerInput: Sendable {
  /// Values, the inputs along the last axis.
  case values(Tensor)
  /// Values that products with bfloat16 weights round to bfloat16.
  case rounding(Tensor)
  /// Integers for products with four-bit weights, and the extents in front of the inputs.
  case rows(QuantizedRows, [Int])
}

/// Rounds activations to a format, row by row (token by token), with scales found as it goes.
public struct ActivationQuantizer: Sendable {
  /// The format.
  public let format: NumericFormat
  /// The calibrated largest magnitude that fixes a two-level format's tensor scale, so that the result of a token does
  /// not depend on the other tokens of the call; nil for formats without a tensor scale.
  public let amax: Float?
  /// What is clipped before scales are chosen: a learned part of each group's extremes.
  public let clip: ClipRatio
  /// The logits of `clip` while they are learned: the rounded activation is differentiable by them.
  public let logits: ClipLogits?

  /// A quantizer to `format`, with the tensor scale that `amax` fixes and ratios by which the ends of each row are clipped.
  public init(format: NumericFormat, amax: Float? = nil, clip: ClipRatio = .none) {
    self.format = format
    self.amax = amax
    self.clip = clip
    logits = nil
  }

  /// A quantizer that learns what it clips.
  public init(format: NumericFormat, learning logits: ClipLogits) {
    self.format = format
    amax = nil
    clip = logits.ratio
    self.logits = logits
  }

  /// The format with its clip ratio.
  public var quantizer: Quantizer { Quantizer(format: format, clip: clip) }

  /// The rounded activation.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    if let logits { return quantizer.fakeQuantize(x, clippedBy: logits) }
    return quantizer.fakeQuantize(x, amax: amax)
  }

  /// The codes of the rounded activation.
  func pack(_ x: Tensor) -> PackedMatrix { quantizer.pack(x, amax: amax) }
}

extension [Linear] {
  /// A four-bit weight whose activations suit all layers; nil when there is none.
  fileprivate var commonWeight: InterleavedMatrix? {
    guard case .interleaved(let weight)? = first?.weight else { return nil }
    let areAlike = allSatisfy { layer in
      if case .interleaved(let other) = layer.weight { return other.takesRows(for: weight) }
      return false
    }
    return areAlike ? weight : nil
  }
}

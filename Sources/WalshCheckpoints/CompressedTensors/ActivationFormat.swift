import WalshFormats

/// The formats of activations that compressed-tensors can name, between `QuantizationArguments` and `NumericFormat`.
extension QuantizationArguments {
  /// The `input_activations` for layers whose inputs are in `format`: NVFP4 with a stored tensor scale, MXFP4, or
  /// symmetric integers with a scale per token; nil for all others.
  public init?(activations format: NumericFormat) {
    guard format.symmetry == .symmetric else { return nil }
    switch (format.element, format.granularity, format.scale) {
    case (.e2m1, .group(16), .e4m3(let scheme)) where scheme.isTwoLevel:
      guard let inputs = QuantizationPreset.nvfp4.inputActivations else { return nil }
      self = inputs
    case (.e2m1, .group(32), .e8m0(let rule)) where rule != .staticThreeQuarters:
      guard let inputs = QuantizationPreset.mxfp4.inputActivations else { return nil }
      self = inputs
    case (.int(let bits), .row, .float32), (.int(let bits), .row, .bfloat16):
      self.init(bits: bits, kind: .integer, strategy: .token, dynamics: .dynamic)
    default: return nil
    }
  }

  /// The number format of inputs quantized by these arguments; nil when Walsh has none.
  ///
  /// NVFP4 and MXFP4 use the library's own arithmetic, integers a Float32 scale per token.
  public var activationFormat: NumericFormat? {
    switch (kind, bits, strategy, groupSize, dynamics) {
    case (.float, 4, .tensorGroup, 16, .local): .nvfp4(.compressedTensors)
    case (.float, 4, .group, 32, .dynamic): .mxfp4(.even)
    case (.integer, 2...8, .token, nil, .dynamic): .intPerRow(bits)
    default: nil
    }
  }
}

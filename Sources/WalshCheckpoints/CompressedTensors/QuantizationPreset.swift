/// The quantization schemes that people know by name.
public enum QuantizationPreset: String, Sendable, CaseIterable {
  /// NVFP4 weights and activations.
  case nvfp4 = "NVFP4"
  /// NVFP4 weights.
  case nvfp4a16 = "NVFP4A16"
  /// MXFP4 weights and activations.
  case mxfp4 = "MXFP4"
  /// MXFP4 weights.
  case mxfp4a16 = "MXFP4A16"
  /// 4-bit integer weights in groups of 128.
  case w4a16 = "W4A16"
  /// 8-bit integer weights per row, activations per token.
  case w8a8 = "W8A8"

  /// The layout of the weights.
  public var format: CompressionFormat {
    switch self {
    case .nvfp4, .nvfp4a16: .nvfp4
    case .mxfp4, .mxfp4a16: .mxfp4
    case .w4a16: .packedIntegers
    case .w8a8: .bytes
    }
  }

  /// How weights are quantized.
  public var weights: QuantizationArguments {
    switch self {
    case .nvfp4, .nvfp4a16:
      QuantizationArguments(
        bits: 4, kind: .float, strategy: .tensorGroup, groupSize: 16, scaleType: "torch.float8_e4m3fn")
    case .mxfp4, .mxfp4a16:
      QuantizationArguments(bits: 4, kind: .float, strategy: .group, groupSize: 32, scaleType: "torch.uint8")
    case .w4a16: QuantizationArguments(bits: 4, kind: .integer, strategy: .group, groupSize: 128)
    case .w8a8: QuantizationArguments(bits: 8, kind: .integer, strategy: .channel)
    }
  }

  /// How the inputs of layers are quantized; nil when they are not.
  public var inputActivations: QuantizationArguments? {
    switch self {
    case .nvfp4:
      QuantizationArguments(
        bits: 4, kind: .float, strategy: .tensorGroup, groupSize: 16, dynamics: .local,
        scaleType: "torch.float8_e4m3fn", observer: "static_minmax")
    case .mxfp4:
      QuantizationArguments(
        bits: 4, kind: .float, strategy: .group, groupSize: 32, dynamics: .dynamic, scaleType: "torch.uint8")
    case .w8a8: QuantizationArguments(bits: 8, kind: .integer, strategy: .token, dynamics: .dynamic)
    case .nvfp4a16, .mxfp4a16, .w4a16: nil
    }
  }
}

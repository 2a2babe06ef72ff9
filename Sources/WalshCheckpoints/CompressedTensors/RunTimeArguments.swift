import WalshFormats

/// Formats of what is quantized at run time, activations and cached keys and values, as compressed-tensors names them.
extension QuantizationArguments {
  /// The `input_activations` of a format; nil for a format that compressed-tensors has no name for.
  public init?(activations format: NumericFormat) {
    switch (format.element, format.granularity, format.scale) {
    case (.e2m1, .group(16), .e4m3) where format.isTwoLevel:
      self.init(
        bits: 4, kind: .float, strategy: .tensorGroup, groupSize: 16, dynamics: .local,
        scaleType: "torch.float8_e4m3fn", observer: "static_minmax")
    case (.e2m1, .group(32), .e8m0):
      self.init(
        bits: 4, kind: .float, strategy: .group, groupSize: 32, dynamics: .dynamic, scaleType: "torch.uint8")
    case (.e4m3, .row, .float32):
      self.init(bits: 8, kind: .float, strategy: .token, dynamics: .dynamic)
    case (.int(let bits), .row, .float32) where format.symmetry == .symmetric:
      self.init(bits: bits, kind: .integer, strategy: .token, dynamics: .dynamic)
    default: return nil
    }
  }

  /// The `kv_cache_scheme` of an integer format with one scale per token and head; nil for another.
  public init?(cache format: NumericFormat) {
    guard case .int(let bits) = format.element, format.granularity == .row else { return nil }
    self.init(
      bits: bits, kind: .integer, strategy: .head, isSymmetric: format.symmetry == .symmetric, dynamics: .dynamic)
  }

  /// The number format of activations quantized like this; nil when Walsh has none.
  public var activationFormat: NumericFormat? {
    switch (kind, bits, strategy, dynamics) {
    case (.float, 4, .tensorGroup, .local) where groupSize == 16: .nvfp4(.compressedTensors)
    case (.float, 4, .group, .dynamic) where groupSize == 32: .mxfp4(.even)
    case (.float, 8, .token, .dynamic): .fp8(.e4m3, per: .row)
    case (.integer, 2...8, .token, .dynamic): .intPerRow(bits)
    default: nil
    }
  }

  /// The number format of cached keys and values quantized like this, one group per token and head; nil when Walsh has
  /// none, as for scales that are stored.
  public var cacheFormat: NumericFormat? {
    guard kind == .integer, (2...8).contains(bits), strategy == .head, dynamics == .dynamic else { return nil }
    return .intPerRow(bits, symmetric: isSymmetric)
  }
}

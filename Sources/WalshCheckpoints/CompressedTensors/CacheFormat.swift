import WalshFormats

/// Formats of cached keys and values as compressed-tensors names them: integers with one scale per token and head.
extension QuantizationArguments {
  /// The `kv_cache_scheme` of an integer format by rows; nil for another.
  public init?(cache format: NumericFormat) {
    guard case .int(let bits) = format.element, format.granularity == .row else { return nil }
    self.init(
      bits: bits, kind: .integer, strategy: .head, isSymmetric: format.symmetry == .symmetric, dynamics: .dynamic)
  }

  /// The number format of keys and values cached like this, a row per token and head; nil when Walsh has none, as for
  /// scales that are stored.
  public var cacheFormat: NumericFormat? {
    guard kind == .integer, (2...8).contains(bits), strategy == .head, dynamics == .dynamic else { return nil }
    return .intPerRow(bits, symmetric: isSymmetric)
  }
}

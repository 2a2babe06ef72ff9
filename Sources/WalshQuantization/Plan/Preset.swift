import WalshFormats

/// What numbers a model is made of after quantization: weights, activations and the key-value cache.
public struct Preset: Sendable, Hashable, CustomStringConvertible {
  /// The name, such as `NVFP4A16`.
  public let name: String
  /// The format of the linear layers' weights; nil keeps full precision.
  public let weights: NumericFormat?
  /// The format of the activations that those layers read; nil keeps full precision.
  public let activations: NumericFormat?
  /// The format of cached keys and values; nil keeps full precision.
  public let cache: NumericFormat?

  public init(
    name: String, weights: NumericFormat?, activations: NumericFormat? = nil, cache: NumericFormat? = nil
  ) {
    self.name = name
    self.weights = weights
    self.activations = activations
    self.cache = cache
  }

  public var description: String {
    "\(name): weights \(weights?.name ?? "full"), activations \(activations?.name ?? "full")"
      + (cache.map { ", cache \($0.name)" } ?? "")
  }

  /// The presets people know by name. W4A16, W3A16 and W2A16 have one scale per 128 inputs of a row; W8A8 and W4A4KV4
  /// one per row of a weight and one per token of an activation; KV4 is asymmetric, per token and head.
  public static let all: [Preset] = [
    Preset(name: "NVFP4", weights: .nvfp4(.compressedTensors), activations: .nvfp4(.compressedTensors)),
    Preset(name: "NVFP4A16", weights: .nvfp4(.compressedTensors)),
    Preset(name: "MXFP4", weights: .mxfp4, activations: .mxfp4),
    Preset(name: "MXFP4A16", weights: .mxfp4),
    Preset(name: "W4A16", weights: .int(4, group: 128)),
    Preset(
      name: "W4A4KV4", weights: .intPerRow(4), activations: .intPerRow(4), cache: .intPerRow(4, symmetric: false)),
    Preset(name: "W8A8", weights: .intPerRow(8), activations: .intPerRow(8)),
    Preset(name: "W3A16", weights: .int(3, group: 128)),
    Preset(name: "W2A16", weights: .int(2, group: 128)),
    full,
  ]

  /// Everything in full precision: for checking that transforms change nothing.
  public static let full = Preset(name: "full", weights: nil)

  /// The preset called `name`, in any letter case: one of `all`, or weight-only integers `int2` … `int8` with one scale per
  /// row (`int4`, `int4/row`) or per so many inputs of a row (`int4/64`); nil when there is none.
  public init?(named name: String) {
    if let match = Preset.all.first(where: { $0.name.lowercased() == name.lowercased() }) {
      self = match
      return
    }
    let parts = name.lowercased().split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts[0].hasPrefix("int"), let bits = Int(parts[0].dropFirst(3)), (2...8).contains(bits)
    else { return nil }
    if parts.count == 1 || parts[1] == "row" {
      self.init(name: "int\(bits)/row", weights: .intPerRow(bits))
    } else {
      guard let size = Int(parts[1]), (1...65536).contains(size) else { return nil }
      self.init(name: "int\(bits)/\(size)", weights: .int(bits, group: size))
    }
  }
}

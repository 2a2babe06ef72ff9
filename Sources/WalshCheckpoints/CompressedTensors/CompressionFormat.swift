/// How compressed-tensors lays out the weight of a quantized layer.
public enum CompressionFormat: String, Sendable, CaseIterable {
  /// NVFP4: nibbles, E4M3 scales per 16 and a divisor per tensor.
  case nvfp4 = "nvfp4-pack-quantized"
  /// MXFP4: nibbles and power-of-two scales per 32.
  case mxfp4 = "mxfp4-pack-quantized"
  /// Integers of 2 to 8 bits in a bit stream, padded to 32 bits per row, with a scale per group or row.
  case packedIntegers = "pack-quantized"
  /// Bytes, with a scale per row.
  case bytes = "int-quantized"

  /// Why a weight quantized by `arguments` cannot have this layout; nil when it can.
  func objection(to arguments: QuantizationArguments) -> (key: String, cause: String)? {
    guard arguments.isSymmetric else { return ("symmetric", "is false; zero points are not supported") }
    guard arguments.dynamics == .stored else { return ("dynamic", "must be false for weights") }
    let kind: QuantizationArguments.Kind = self == .nvfp4 || self == .mxfp4 ? .float : .integer
    guard arguments.kind == kind else { return ("type", "must be \(kind.rawValue) for \(rawValue)") }
    let bits: ClosedRange<Int> = self == .packedIntegers ? 2...8 : self == .bytes ? 8...8 : 4...4
    guard bits.contains(arguments.bits) else {
      let range = bits.count == 1 ? "\(bits.lowerBound)" : "from \(bits.lowerBound) to \(bits.upperBound)"
      return ("num_bits", "is \(arguments.bits); it must be \(range) for \(rawValue)")
    }
    let strategies: [QuantizationArguments.Strategy] =
      switch self {
      case .nvfp4: [.tensorGroup]
      case .mxfp4: [.group]
      case .packedIntegers: [.group, .channel]
      case .bytes: [.channel]
      }
    guard strategies.contains(arguments.strategy) else {
      let known = strategies.map(\.rawValue).joined(separator: " or ")
      return ("strategy", "is \(arguments.strategy.rawValue); it must be \(known) for \(rawValue)")
    }
    let size = self == .nvfp4 ? 16 : 32
    guard kind == .integer || arguments.groupSize == size else {
      return ("group_size", "must be \(size) for \(rawValue)")
    }
    return nil
  }
}

import WalshFormats

/// The settings of MR-GPTQ, a node `mr-gptq` of a recipe.
///
///     mr-gptq:
///       block: format      # channels of a Hadamard transform: the format's group, or a number such as 128
///       scales: search     # or absmax
public struct MRGPTQSettings: MethodSettings {
  /// How static scales are chosen.
  public enum Scales: String, Sendable, CaseIterable {
    /// From the largest magnitude of each group, by the format's own rule.
    case absmax
    /// The best of 100 shrunk ones, by |error|^2.4.
    case search
  }

  public static let key = "mr-gptq"

  /// The channels of a Hadamard transform, a power of two up to 512; nil for the group of the weights' format.
  public var blockSize: Int?
  /// How static scales are chosen.
  public var scales = Scales.search

  /// The defaults.
  public init() {}

  public var entries: [(key: String, value: String)] {
    [("block", blockSize.map { "\($0)" } ?? "format"), ("scales", scales.rawValue)]
  }

  mutating func set(_ key: String, to node: RecipeNode) throws(QuantizationError) {
    switch key {
    case "block":
      let sizes = (1...9).map { 1 << $0 }
      blockSize = try node.named(["format"] + sizes.map { "\($0)" }) { name -> Int?? in
        name == "format" ? .some(nil) : Int(name).flatMap { sizes.contains($0) ? .some($0) : nil }
      }
    default: scales = try node.choice()
    }
  }
}

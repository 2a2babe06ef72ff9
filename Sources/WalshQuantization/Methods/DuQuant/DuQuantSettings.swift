/// The settings of DuQuant, a node `duquant` of a recipe.
///
///     duquant:
///       smoothing: 0.6         # α; none leaves the channels as they are
///       block: 128             # channels of a rotation, or the largest divisor of the width below
///       permutations: 1        # k: (rotation, zigzag) k times, then a last rotation
///       steps: 256             # of each search
///       index: channel         # or row, as the released code has it
///       completion: random     # or none
///       weight-clip: 0.8       # what remains of a weight's extremes before they set its scale
///       rows: 2048             # of calibration activations that the search sees
public struct DuQuantSettings: MethodSettings {
  public static let key = "duquant"

  /// α of the smoothing, from 0 to 1; nil for none.
  public var smoothing: Double? = 0.6
  /// The channels of a rotation, 1 to 512; the largest divisor of a width up to this is taken.
  public var blockSize = 128
  /// k, 0 to 8.
  public var permutations = 1
  /// How rotations are found; the objective is the range.
  public var search = RotationSearch()
  /// The part of a weight group's extremes that its scale covers, above 0 to 1; GPTQ's searched scales take none away
  /// beyond it.
  public var weightClip = 0.8
  /// The rows of the calibration activations that rotations are searched on.
  public var rows = 2048

  /// The paper's settings.
  public init() {}

  public var entries: [(key: String, value: String)] {
    [
      ("smoothing", smoothing.map { "\($0)" } ?? "none"), ("block", "\(blockSize)"),
      ("permutations", "\(permutations)"), ("steps", "\(search.steps)"), ("index", search.index.rawValue),
      ("completion", search.completion.rawValue), ("weight-clip", "\(weightClip)"), ("rows", "\(rows)"),
    ]
  }

  mutating func set(_ key: String, to node: RecipeNode) throws(QuantizationError) {
    switch key {
    case "smoothing": smoothing = try node.strength()
    case "block": blockSize = try node.integer(in: 1...512)
    case "permutations": permutations = try node.integer(in: 0...8)
    case "steps": search.steps = try node.integer(in: 0...100_000)
    case "index": search.index = try node.choice()
    case "completion": search.completion = try node.choice()
    case "weight-clip": weightClip = try node.number(in: 0.05...1)
    default: rows = try node.integer(in: 1...1 << 24)
    }
  }
}

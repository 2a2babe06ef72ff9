/// The settings of DuQuant++, a node `duquant++` of a recipe.
///
///     duquant++:
///       smoothing: 0.6                      # α; none leaves the channels as they are
///       smoothing-weights: representative   # or all
///       block: 32                           # channels of a rotation
///       scope: shared                       # or per-block
///       steps: 256                          # of the search
///       index: channel                      # or row, as the released code has it
///       completion: random                  # or none
///       objective: range                    # or block-mse
///       permutation: none                   # or zigzag
///       rotations: single                   # or dual
///       rows: 2048                          # of calibration activations that the search sees
public struct DuQuantPlusPlusSettings: MethodSettings {
  /// What happens between blocks.
  public enum Permutation: String, Sendable, CaseIterable {
    /// Nothing: each block has its own scale.
    case none
    /// The parent's zigzag, before the last rotation.
    case zigzag
  }

  /// How many rotations there are.
  public enum Rotations: String, Sendable, CaseIterable {
    /// One, behind the permutation if there is one.
    case single
    /// Two, as the parent has them, before and behind the permutation.
    case dual
  }

  public static let key = "duquant++"

  /// α of the smoothing, from 0 to 1; nil for none.
  public var smoothing: Double? = 0.6
  /// Whose weights the smoothing looks at.
  public var smoothingWeights = OutlierSmoothing.Weights.representative
  /// The channels of a rotation, 1 to 512.
  public var blockSize = 32
  /// Whether blocks share a rotation.
  public var scope = RotationSearch.Scope.shared
  /// How rotations are found.
  public var search = RotationSearch()
  /// The permutation.
  public var permutation = Permutation.none
  /// The number of rotations.
  public var rotations = Rotations.single
  /// The rows of the calibration activations that rotations are searched on.
  public var rows = 2048

  /// The defaults.
  public init() {}

  public var entries: [(key: String, value: String)] {
    [
      ("smoothing", smoothing.map { "\($0)" } ?? "none"), ("smoothing-weights", smoothingWeights.rawValue),
      ("block", "\(blockSize)"), ("scope", scope.rawValue), ("steps", "\(search.steps)"),
      ("index", search.index.rawValue), ("completion", search.completion.rawValue),
      ("objective", search.objective.rawValue), ("permutation", permutation.rawValue),
      ("rotations", rotations.rawValue), ("rows", "\(rows)"),
    ]
  }

  mutating func set(_ key: String, to node: RecipeNode) throws(QuantizationError) {
    switch key {
    case "smoothing": smoothing = try node.strength()
    case "smoothing-weights": smoothingWeights = try node.choice()
    case "block": blockSize = try node.integer(in: 1...512)
    case "scope": scope = try node.choice()
    case "steps": search.steps = try node.integer(in: 0...100_000)
    case "index": search.index = try node.choice()
    case "completion": search.completion = try node.choice()
    case "objective": search.objective = try node.choice()
    case "permutation": permutation = try node.choice()
    case "rotations": rotations = try node.choice()
    default: rows = try node.integer(in: 1...1 << 24)
    }
  }
}

extension RecipeNode {
  /// A number from 0 to 1, nil for `none`.
  func strength() throws(QuantizationError) -> Double? {
    if try text() == "none" { return nil }
    return try number(in: 0...1)
  }
}

import WalshCheckpoints

/// The table as official recipe files write it: `{"row-row": "hadamard", "row-col": "inner_outlier_extract_right", …}`,
/// the left pattern first.
extension PatternTable {
  /// The table, pairs in the order rows, columns, none.
  public var json: JSON {
    var members = JSONObject()
    for pair in Self.pairs { members[pair.name] = modes[pair].map { .string($0.rawValue) } }
    return .object(members)
  }

  /// Reads a table; a pair that is missing is computed without rotation. Columns are written `col` or `column`.
  ///
  /// - Throws: `TrainingError` naming the pair or mode that there is not.
  public init(json: JSON) throws(TrainingError) {
    guard let members = json.objectValue?.members else {
      throw TrainingError(
        "pattern table", "it is \(json.kind); write an object such as {\"row-none\": \"hadamard\"}.")
    }
    var modes: [Pair: ProductMode] = [:]
    for (name, value) in members {
      guard let pair = Self.pairs.first(where: { $0.name == name.replacing("column", with: "col") }) else {
        throw TrainingError(
          "pattern table",
          "there is no pair “\(name)”; join two of \(OutlierPattern.allCases.map(\.rawValue).joined(separator: ", ")) with a hyphen."
        )
      }
      guard let mode = value.stringValue.flatMap(ProductMode.init(rawValue:)) else {
        throw TrainingError(
          "pattern table",
          "“\(name)” has no mode that there is; use one of \(ProductMode.allCases.map(\.rawValue).joined(separator: ", "))."
        )
      }
      modes[pair] = mode
    }
    self.init(modes)
  }

  /// All nine pairs.
  private static var pairs: [Pair] {
    OutlierPattern.allCases.flatMap { left in OutlierPattern.allCases.map { Pair(left, $0) } }
  }
}

extension PatternTable.Pair {
  /// The name in recipe files, such as `row-col`.
  public var name: String { "\(left.rawValue)-\(right.rawValue)" }
}

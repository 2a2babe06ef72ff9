/// The settings of one method: a property of the request, and a node of the method's name in a recipe.
protocol MethodSettings: Sendable, Hashable, CustomStringConvertible {
  /// The node's name.
  static var key: String { get }
  /// The defaults.
  init()
  /// Every setting by its name and as a recipe says it; none holds a comma.
  var entries: [(key: String, value: String)] { get }
  /// Sets what `key`, one of the keys of `entries`, names.
  mutating func set(_ key: String, to node: RecipeNode) throws(QuantizationError)
}

extension MethodSettings {
  /// Every setting, such as `smoothing 0.6, block 32`.
  public var description: String { entries.map { "\($0.key) \($0.value)" }.joined(separator: ", ") }

  /// The node of a recipe that reads back as these settings; nil when they are the defaults.
  var recipeLine: String? {
    if self == Self() { return nil }
    return "\(Self.key): { " + entries.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + " }"
  }

  /// Reads the node of a recipe; what it does not name has its default.
  init(_ node: RecipeNode) throws(QuantizationError) {
    self.init()
    for (key, value) in try node.members(entries.map(\.key)).sorted(by: { $0.key < $1.key }) {
      try set(key, to: value)
    }
  }
}

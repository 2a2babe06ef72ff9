/// What `auto` may spend, and how much it looks at.
public struct AutoSettings: Sendable, Hashable, CustomStringConvertible {
  /// The most bits for each weight of the linear layers, with their scales, as tables count them; matrices of transforms that
  /// act at run time are not among them. nil for the preset's own weights everywhere.
  public var budget: Double?
  /// The tokens, held aside from calibration, that options and plans are judged on; three times as many are calibrated on
  /// while options are measured.
  public var tokens: Int

  public init(budget: Double? = nil, tokens: Int = 1024) {
    self.budget = budget
    self.tokens = tokens
  }

  public var description: String {
    (budget.map { "at most \($0) bits a weight" } ?? "the preset's weights") + ", judged on \(tokens) tokens"
  }
}

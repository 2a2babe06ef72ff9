/// Why a tokenizer.json cannot be used: the field, the cause and the fix in one sentence.
public struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the field inside tokenizer.json, such as `model.merges[17]`.
  public let field: String

  /// What is wrong there.
  public let cause: String

  /// What the user can do.
  public let fix: String

  /// The sentence shown to the user.
  public var description: String { "tokenizer.json: \(field) \(cause); \(fix)." }
}

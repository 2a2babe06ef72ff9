/// How evaluation turns text into tokens: the tokenizer without special tokens, and the token that begins a text.
public struct TokenEncoding {
  /// The begin-of-text token; nil for models that have none.
  public let beginToken: Int?
  private let encode: (String) throws -> [Int]

  /// - Parameters:
  ///   - beginToken: the begin-of-text token; nil for models that have none.
  ///   - encode: the tokens of a text, without special tokens.
  public init(beginToken: Int?, encode: @escaping (String) throws -> [Int]) {
    self.beginToken = beginToken
    self.encode = encode
  }

  /// The tokens of `text` behind the begin-of-text token.
  public func tokens(of text: String) throws -> [Int] {
    try (beginToken.map { [$0] } ?? []) + encode(text)
  }
}

/// A value of tokenizer.json together with its path, so that every error can name it.
struct TokenizerField {
  let value: JSON
  let path: String

  /// The member `name`; nil when it is absent or null.
  subscript(name: String) -> TokenizerField? {
    guard let member = value[name], !member.isNull else { return nil }
    return TokenizerField(value: member, path: path.isEmpty ? name : "\(path).\(name)")
  }

  func error(_ cause: String, _ fix: String = "take the file anew from the model's publisher") -> TokenizerError {
    TokenizerError(field: path.isEmpty ? "the file" : path, cause: cause, fix: fix)
  }

  private func mistyped(_ expected: String) -> TokenizerError { error("is \(value.kind) and must be \(expected)") }

  /// The member `name`, which must be there.
  func required(_ name: String) throws(TokenizerError) -> TokenizerField {
    if let member = self[name] { return member }
    throw TokenizerField(value: .null, path: path.isEmpty ? name : "\(path).\(name)").error("is missing")
  }

  func string() throws(TokenizerError) -> String {
    guard let text = value.stringValue else { throw mistyped("a string") }
    return text
  }

  func string(_ name: String) throws(TokenizerError) -> String? { try self[name]?.string() }

  func flag(_ name: String, default fallback: Bool) throws(TokenizerError) -> Bool {
    guard let member = self[name] else { return fallback }
    guard let flag = member.value.boolValue else { throw member.mistyped("true or false") }
    return flag
  }

  /// A whole number from 0 to `limit`.
  func count(limit: Int = Vocabulary.largestID) throws(TokenizerError) -> Int {
    guard case .number(let number) = value else { throw mistyped("a number") }
    guard let count = number.intValue, (0...limit).contains(count) else {
      throw error("is \(number.literal) and must be a whole number from 0 to \(limit)")
    }
    return count
  }

  func elements() throws(TokenizerError) -> [TokenizerField] {
    guard let elements = value.arrayValue else { throw mistyped("an array") }
    return elements.enumerated().map { TokenizerField(value: $1, path: "\(path)[\($0)]") }
  }

  func members() throws(TokenizerError) -> JSONObject {
    guard let members = value.objectValue else { throw mistyped("an object") }
    return members
  }

  /// The value of `type` in a normalizer, pre-tokenizer, model, post-processor or decoder.
  func componentType() throws(TokenizerError) -> String {
    _ = try members()
    return try required("type").string()
  }

  func unknownComponent(_ type: String) -> TokenizerError {
    TokenizerError(
      field: "\(path).type", cause: "is \"\(type)\", which Walsh does not know",
      fix: "convert the tokenizer to a form without it")
  }
}

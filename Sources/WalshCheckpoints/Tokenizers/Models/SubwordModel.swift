/// Turns one piece of pre-tokenized text into token ids.
protocol SubwordModel: Sendable {
  var vocabulary: Vocabulary { get }

  /// Appends the ids of `piece`, valid UTF-8 and not empty.
  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int])
}

extension TokenizerField {
  /// The model this field describes. Files older than the `type` member are told apart by their members.
  func model() throws(TokenizerError) -> any SubwordModel {
    var type = try string("type")
    if type == nil { type = try inferredModelType() }
    switch type {
    case "BPE": return try BytePairModel(self)
    case "WordPiece": return try WordPieceModel(self)
    case "WordLevel": return try WordLevelModel(self)
    case "Unigram": return try UnigramModel(self)
    default: throw unknownComponent(type ?? "")
    }
  }

  private func inferredModelType() throws(TokenizerError) -> String {
    _ = try members()
    if self["merges"] != nil { return "BPE" }
    if value["vocab"]?.arrayValue != nil { return "Unigram" }
    return self["max_input_chars_per_word"] != nil ? "WordPiece" : "WordLevel"
  }

  /// The id of the token that the member `name` names; nil when there is no such member.
  func tokenID(_ name: String, in vocabulary: Vocabulary) throws(TokenizerError) -> Int? {
    guard let field = self[name] else { return nil }
    let token = try field.string()
    guard let id = vocabulary.id(of: token) else {
      throw field.error("is \"\(token)\", which the vocabulary lacks", "add the token to the vocabulary")
    }
    return id
  }
}

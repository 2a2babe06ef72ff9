/// WordPiece: the longest token that begins the word, then the longest that continues it, and so on;
/// a word that cannot be covered is one unknown token.
struct WordPieceModel: SubwordModel {
  let vocabulary: Vocabulary
  private let unknownID: Int
  private let continuation: [UInt8]
  private let longestWord: Int

  init(_ field: TokenizerField) throws(TokenizerError) {
    vocabulary = try Vocabulary(try field.required("vocab"))
    unknownID = try field.requiredUnknownID(in: vocabulary)
    continuation = Array((try field.string("continuing_subword_prefix") ?? "##").utf8)
    longestWord = try field["max_input_chars_per_word"]?.count() ?? 100
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int]) {
    let scalarCount = piece.count { $0 & 0xC0 != 0x80 }
    let start = ids.count
    var candidate: [UInt8] = []
    var index = 0
    while index < piece.count {
      var end = min(piece.count, index + vocabulary.longestToken)
      var found: Int?
      while scalarCount <= longestWord, end > index, found == nil {
        candidate.removeAll(keepingCapacity: true)
        if index > 0 { candidate += continuation }
        candidate += piece[index..<end]
        found = candidate.withUnsafeBufferPointer { vocabulary.id(of: $0) }
        if found == nil { end -= 1 }
      }
      guard let found else {
        ids.removeSubrange(start...)
        ids.append(unknownID)
        return
      }
      ids.append(found)
      index = end
    }
  }
}

/// A token for each whole word of the vocabulary, the unknown token for every other word.
struct WordLevelModel: SubwordModel {
  let vocabulary: Vocabulary
  private let unknownID: Int

  init(_ field: TokenizerField) throws(TokenizerError) {
    vocabulary = try Vocabulary(try field.required("vocab"))
    unknownID = try field.requiredUnknownID(in: vocabulary)
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int]) {
    ids.append(vocabulary.id(of: piece) ?? unknownID)
  }
}

extension TokenizerField {
  fileprivate func requiredUnknownID(in vocabulary: Vocabulary) throws(TokenizerError) -> Int {
    _ = try required("unk_token")
    guard let id = try tokenID("unk_token", in: vocabulary) else { throw error("lacks unk_token") }
    return id
  }
}

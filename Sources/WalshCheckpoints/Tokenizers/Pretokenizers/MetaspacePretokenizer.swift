/// SentencePiece's treatment of spaces: each becomes a visible mark, the text may get one in front, and
/// every mark begins a piece.
struct MetaspacePretokenizer: Pretokenizer {
  /// Which pieces get a mark in front when they have none.
  enum PrependScheme: String, CaseIterable, Sendable { case always, first, never }

  let replacement: [UInt8]
  let prepends: PrependScheme
  let splits: Bool

  init(_ field: TokenizerField) throws(TokenizerError) {
    replacement = Array(try field.metaspaceReplacement().utf8)
    prepends = try field.prependScheme()
    splits = try field.flag("split", default: true)
  }

  func split(_ pieces: Pieces) -> Pieces {
    let marked = pieces.rewritten { piece, beginsText, output in
      let start = output.count
      let startsMarked =
        piece[0] == 0x20
        || (piece.count >= replacement.count
          && piece.slice(0..<replacement.count).elementsEqual(replacement))
      if !startsMarked, prepends == .always || (prepends == .first && beginsText) { output += replacement }
      output.reserveCapacity(start + 2 * piece.count)
      for byte in piece {
        if byte == 0x20 { output += replacement } else { output.append(byte) }
      }
    }
    guard splits else { return marked }
    return SplitPretokenizer(pattern: LiteralPattern(literal: replacement), behaviour: .mergedWithNext).split(marked)
  }
}

extension TokenizerField {
  /// The mark, one scalar.
  func metaspaceReplacement() throws(TokenizerError) -> String {
    guard let field = self["replacement"] else { return "▁" }
    let text = try field.string()
    guard text.unicodeScalars.count == 1 else { throw field.error("is \"\(text)\" and must be one character") }
    return text
  }

  /// `prepend_scheme`, or what the older `add_prefix_space` means.
  func prependScheme() throws(TokenizerError) -> MetaspacePretokenizer.PrependScheme {
    guard let field = self["prepend_scheme"] else {
      return try flag("add_prefix_space", default: true) ? .always : .never
    }
    let name = try field.string()
    guard let scheme = MetaspacePretokenizer.PrependScheme(rawValue: name) else {
      throw field.error("is \"\(name)\" and must be always, first or never")
    }
    return scheme
  }
}

/// The tokens found in the text itself before any other rule: special tokens and what users added.
struct AddedTokens: Sendable {
  struct Token: Sendable {
    let id: Int
    let content: String
    let isSpecial: Bool
    /// Whether it takes the white space before or after it.
    let stripsLeft: Bool
    let stripsRight: Bool
    /// Whether it is found only where no word scalar is beside it.
    let isSingleWord: Bool
    /// Whether it is looked for in the normalized text, normalized itself.
    let isNormalized: Bool
  }

  /// A stretch of text, or a token found in it.
  enum Segment {
    case text(Range<Int>)
    case token(Int)
  }

  private(set) var tokens: [Token] = []
  private var raw = ByteTrie()
  private var normalized = ByteTrie()

  init(_ field: TokenizerField?, normalizer: (any Normalizer)?) throws(TokenizerError) {
    for entry in try field?.elements() ?? [] {
      let content = try entry.required("content")
      let token = Token(
        id: try entry.required("id").count(), content: try content.string(),
        isSpecial: try entry.flag("special", default: false), stripsLeft: try entry.flag("lstrip", default: false),
        stripsRight: try entry.flag("rstrip", default: false),
        isSingleWord: try entry.flag("single_word", default: false),
        isNormalized: try entry.flag("normalized", default: true))
      if token.content.utf8.isEmpty { throw content.error("is empty") }
      let index = tokens.count
      tokens.append(token)
      if !token.isNormalized {
        raw.insert(token.content.utf8, value: index)
      } else if case let pattern = normalizer?.normalized(token.content) ?? token.content, !pattern.utf8.isEmpty {
        normalized.insert(pattern.utf8, value: index)
      }
    }
  }

  /// The leftmost longest tokens in `text` and the text between them.
  func segments(of text: UnsafeBufferPointer<UInt8>, isNormalized: Bool) -> [Segment] {
    let trie = isNormalized ? normalized : raw
    var segments: [Segment] = []
    var textStart = 0
    var index = 0
    while index < text.count {
      guard let match = trie.longestPrefix(of: text, from: index) else {
        index += 1
        continue
      }
      let token = tokens[match.value]
      var start = index
      var end = index + match.length
      index = end
      if token.isSingleWord, !Self.isAlone(start..<end, in: text) { continue }
      if token.stripsLeft {
        while start > textStart, let space = Self.scalar(before: start, in: text), space.scalar.isWhitespace {
          start -= space.length
        }
        start = max(start, textStart)
      }
      while token.stripsRight, let space = Self.scalar(at: end, in: text), space.scalar.isWhitespace {
        end += space.length
      }
      if textStart < start { segments.append(.text(textStart..<start)) }
      segments.append(.token(token.id))
      textStart = end
    }
    if textStart < text.count { segments.append(.text(textStart..<text.count)) }
    return segments
  }

  private static func isAlone(_ range: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    let before = scalar(before: range.lowerBound, in: text)?.scalar.isWord ?? false
    let after = scalar(at: range.upperBound, in: text)?.scalar.isWord ?? false
    return !before && !after
  }

  private static func scalar(
    at index: Int, in text: UnsafeBufferPointer<UInt8>
  ) -> (scalar: Unicode.Scalar, length: Int)? {
    guard index < text.count, case let (value, length) = text.scalar(at: index), let scalar = Unicode.Scalar(value)
    else { return nil }
    return (scalar, length)
  }

  private static func scalar(
    before index: Int, in text: UnsafeBufferPointer<UInt8>
  ) -> (scalar: Unicode.Scalar, length: Int)? {
    var start = index - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start < 0 ? nil : scalar(at: start, in: text)
  }
}

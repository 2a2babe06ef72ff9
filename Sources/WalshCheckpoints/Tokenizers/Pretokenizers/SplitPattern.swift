import Foundation

/// Divides text into the matches of a pattern and what lies between them.
protocol SplitPattern: Sendable {
  /// Calls `body(range, isMatch)` for segments that cover `text` from its start to its end.
  func forEachSegment(of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, Bool) -> Void)
}

/// Every single scalar of a class is a match.
struct ScalarPattern: SplitPattern {
  let contains: @Sendable (Unicode.Scalar) -> Bool

  init(_ contains: @escaping @Sendable (Unicode.Scalar) -> Bool) { self.contains = contains }

  func forEachSegment(of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, Bool) -> Void) {
    var start = 0
    var index = 0
    while index < text.count {
      let (value, length) = text.scalar(at: index)
      if let scalar = Unicode.Scalar(value), contains(scalar) {
        if start < index { body(start..<index, false) }
        start = index + length
        body(index..<start, true)
      }
      index += length
    }
    if start < text.count { body(start..<text.count, false) }
  }
}

/// Runs of word scalars and runs of scalars neither word nor space are matches: `\w+|[^\w\s]+`.
struct WordRuns: SplitPattern {
  private enum Kind { case word, space, other }

  func forEachSegment(of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, Bool) -> Void) {
    var start = 0
    var kind: Kind?
    var index = 0
    while index < text.count {
      let (value, length) = text.scalar(at: index)
      let scalar = Unicode.Scalar(value) ?? " "
      let next: Kind = scalar.isWord ? .word : scalar.isWhitespace ? .space : .other
      if let kind, kind != next {
        body(start..<index, kind != .space)
        start = index
      }
      kind = next
      index += length
    }
    if let kind { body(start..<text.count, kind != .space) }
  }
}

/// Every occurrence of a string is a match.
struct LiteralPattern: SplitPattern {
  let literal: [UInt8]

  init(literal: [UInt8]) { self.literal = literal }

  init(_ field: TokenizerField) throws(TokenizerError) {
    literal = Array(try field.string().utf8)
    if literal.isEmpty { throw field.error("is empty and would match everywhere") }
  }

  func forEachSegment(of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, Bool) -> Void) {
    var start = 0
    while let match = text.firstOccurrence(of: literal, from: start) {
      if start < match { body(start..<match, false) }
      start = match + literal.count
      body(match..<start, true)
    }
    if start < text.count { body(start..<text.count, false) }
  }
}

/// The matches of a regular expression (ICU's syntax, which covers what tokenizers use of Oniguruma's).
struct RegularExpressionPattern: SplitPattern {
  private let expression: NSRegularExpression

  init(_ field: TokenizerField) throws(TokenizerError) {
    let pattern = try field.string()
    // Oniguruma's ^ and $ always match at line ends.
    guard let expression = try? NSRegularExpression(pattern: pattern, options: .anchorsMatchLines), !pattern.isEmpty
    else { throw field.error("is not a valid regular expression: \(pattern.prefix(80))") }
    self.expression = expression
  }

  func forEachSegment(of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, Bool) -> Void) {
    let string = NSString(string: String(decoding: text, as: UTF8.self))
    var place = 0
    var units = 0
    func advance(to unit: Int) {
      while units < unit {
        let length = text.scalar(at: place).length
        place += length
        units += length == 4 ? 2 : 1
      }
    }
    for match in expression.matches(in: string as String, range: NSRange(location: 0, length: string.length)) {
      let gap = place
      advance(to: match.range.location)
      if gap < place { body(gap..<place, false) }
      let start = place
      advance(to: match.range.location + match.range.length)
      body(start..<place, true)
    }
    if place < text.count { body(place..<text.count, false) }
  }
}

extension TokenizerField {
  /// The pattern `{"String": ...}` or `{"Regex": ...}`; the regular expressions of GPT-2, GPT-4, Llama 3
  /// and Qwen 2 are scanned by hand.
  func splitPattern() throws(TokenizerError) -> any SplitPattern {
    if let literal = self["String"] { return try LiteralPattern(literal) }
    guard let expression = self["Regex"] else { throw error("must have the member String or Regex") }
    if let scanner = WordScanner(recognizing: try expression.string()) { return scanner }
    return try RegularExpressionPattern(expression)
  }
}

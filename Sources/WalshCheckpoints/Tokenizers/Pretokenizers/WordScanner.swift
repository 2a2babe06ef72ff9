/// The word patterns of the byte-level tokenizers, scanned by hand: the same matches as their
/// regular expressions, many times as fast.
///
/// Each match is the first that holds of: an English contraction, letters, digits, other scalars,
/// white space up to its last line break (GPT-4), white space but for its last scalar, white space.
struct WordScanner: SplitPattern {
  /// What tells the patterns apart.
  private enum Family {
    /// GPT-2: one space may lead letters, digits and other scalars.
    case gpt2
    /// GPT-4 (cl100k): any scalar but a line break, letter or digit may lead letters; line breaks may end
    /// other scalars; at most so many digits together.
    case gpt4(longestNumber: Int)
  }

  private let family: Family

  static let gpt2 = WordScanner(family: .gpt2)

  private init(family: Family) { self.family = family }

  static let gpt2Expression = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  static let gpt4Expression = expression(number: #"\p{N}{1,3}"#)
  static let qwenExpression = expression(number: #"\p{N}"#)

  private static func expression(number: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + number
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// The scanner of a known regular expression, nil for any other.
  init?(recognizing expression: String) {
    switch expression {
    case Self.gpt2Expression: family = .gpt2
    case Self.gpt4Expression: family = .gpt4(longestNumber: 3)
    case Self.qwenExpression: family = .gpt4(longestNumber: 1)
    default: return nil
    }
  }

  func forEachSegment(of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, Bool) -> Void) {
    ScalarClasses.table.withUnsafeBufferPointer { classes in
      var scanner = Scanner(text: text, classes: classes)
      var start = 0
      while start < text.count {
        switch family {
        case .gpt2: scanner.scanGPT2()
        case .gpt4(let longestNumber): scanner.scanGPT4(longestNumber: longestNumber)
        }
        body(start..<scanner.position, true)
        start = scanner.position
      }
    }
  }
}

/// The four classes the patterns tell apart, by scalar value in the basic plane.
private enum ScalarClasses {
  static let letter: UInt8 = 0
  static let number: UInt8 = 1
  static let space: UInt8 = 2
  static let other: UInt8 = 3

  static let table: [UInt8] = (0...0xFFFF).map { Unicode.Scalar(UInt32($0)).map(classify) ?? other }

  static func classify(_ scalar: Unicode.Scalar) -> UInt8 {
    scalar.isLetter ? letter : scalar.isNumber ? number : scalar.isWhitespace ? space : other
  }
}

private struct Scanner {
  let text: UnsafeBufferPointer<UInt8>
  let classes: UnsafeBufferPointer<UInt8>
  var position = 0

  /// The class of the scalar at `index` and its length; nil at the end.
  @inline(__always)
  private func scalar(at index: Int) -> (kind: UInt8, length: Int)? {
    guard index < text.count else { return nil }
    let (value, length) = text.scalar(at: index)
    if value <= 0xFFFF { return (classes[Int(value)], length) }
    return (Unicode.Scalar(value).map(ScalarClasses.classify) ?? ScalarClasses.other, length)
  }

  private func isLineBreak(_ index: Int) -> Bool {
    index < text.count && (text[index] == 0x0A || text[index] == 0x0D)
  }

  /// Moves over scalars of `kind`, at most `limit` of them.
  @inline(__always)
  private mutating func skip(_ kind: UInt8, limit: Int = .max) {
    var count = 0
    while count < limit, let next = scalar(at: position), next.kind == kind {
      position += next.length
      count += 1
    }
  }

  mutating func scanGPT2() {
    if skipContraction(ignoringCase: false) { return }
    let lead = text[position] == 0x20 ? 1 : 0
    if let first = scalar(at: position + lead), first.kind != ScalarClasses.space {
      position += lead
      skip(first.kind)
    } else {
      skipSpace()
    }
  }

  mutating func scanGPT4(longestNumber: Int) {
    if skipContraction(ignoringCase: true) { return }
    guard let first = scalar(at: position) else { return }
    if first.kind == ScalarClasses.letter { return skip(ScalarClasses.letter) }
    if first.kind == ScalarClasses.number { return skip(ScalarClasses.number, limit: longestNumber) }
    let next = scalar(at: position + first.length)
    if next?.kind == ScalarClasses.letter, !isLineBreak(position) {
      position += first.length
      return skip(ScalarClasses.letter)
    }
    if first.kind == ScalarClasses.other || (text[position] == 0x20 && next?.kind == ScalarClasses.other) {
      position += first.length
      skip(ScalarClasses.other)
      while isLineBreak(position) { position += 1 }
      return
    }
    if !skipThroughLastLineBreak() { skipSpace() }
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d`; when ignoring case, ſ folds to s.
  private mutating func skipContraction(ignoringCase: Bool) -> Bool {
    guard text[position] == UInt8(ascii: "'"), position + 1 < text.count else { return false }
    func letter(_ offset: Int) -> UInt8 {
      guard position + offset < text.count else { return 0 }
      let byte = text[position + offset]
      return ignoringCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
    switch (letter(1), letter(2)) {
    case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
      position += 2
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      position += 3
    case (0xC5, 0xBF) where ignoringCase:
      position += 3
    default: return false
    }
    return true
  }

  /// `\s*[\r\n]+`
  private mutating func skipThroughLastLineBreak() -> Bool {
    var index = position
    var end: Int?
    while let next = scalar(at: index), next.kind == ScalarClasses.space {
      if isLineBreak(index) { end = index + 1 }
      index += next.length
    }
    guard let end else { return false }
    position = end
    return true
  }

  /// `\s+(?!\S)|\s+`: the last space before a word is left to it.
  private mutating func skipSpace() {
    let start = position
    var last = position
    while let next = scalar(at: position), next.kind == ScalarClasses.space {
      last = position
      position += next.length
    }
    if position < text.count, last > start { position = last }
  }
}

/// Searches for a string by its UTF-8 bytes, so that canonically equivalent strings stay different.
struct TextSearch {
  private let pattern: [UInt8]

  init(_ pattern: String) { self.pattern = Array(pattern.utf8) }

  /// The offset in bytes of the first occurrence.
  func firstOccurrence(in text: String) -> Int? {
    if pattern.isEmpty { return 0 }
    var text = text
    return text.withUTF8 { $0.firstOccurrence(of: pattern, from: 0) }
  }

  /// The offset in scalars of the first occurrence.
  func firstScalar(in text: String) -> Int? {
    firstOccurrence(in: text).map { offset in text.utf8.prefix(offset).count { $0 & 0xC0 != 0x80 } }
  }
}

/// Python's string methods, on Unicode scalars.
extension String {
  /// Without white space, or without any of `characters`, at the ends.
  func stripped(of characters: String?, left: Bool, right: Bool) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func isStripped(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isPythonSpace }
    var scalars = unicodeScalars[...]
    if left { scalars = scalars.drop(while: isStripped) }
    while right, let last = scalars.last, isStripped(last) { scalars.removeLast() }
    return String(scalars)
  }

  /// The parts between at most `limit` occurrences of `separator`, or between runs of white space.
  func split(at separator: String?, limit: Int) -> [String] {
    guard let separator else { return splitAtSpaces(limit: limit) }
    let pattern = Array(separator.utf8)
    guard !pattern.isEmpty else { return [self] }
    var copy = self
    return copy.withUTF8 { bytes in
      var parts: [String] = []
      var start = 0
      while parts.count < limit, let match = bytes.firstOccurrence(of: pattern, from: start) {
        parts.append(String(decoding: bytes[start..<match], as: UTF8.self))
        start = match + pattern.count
      }
      parts.append(String(decoding: bytes[start...], as: UTF8.self))
      return parts
    }
  }

  private func splitAtSpaces(limit: Int) -> [String] {
    var parts: [String] = []
    var rest = unicodeScalars.drop(while: \.isPythonSpace)
    while !rest.isEmpty {
      if parts.count == limit {
        parts.append(String(rest))
        break
      }
      let word = rest.prefix { !$0.isPythonSpace }
      parts.append(String(word))
      rest = rest[word.endIndex...].drop(while: \.isPythonSpace)
    }
    return parts
  }

  /// The lines without their ends.
  var lines: [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in unicodeScalars {
      switch scalar {
      case "\n" where previous == "\r": break
      case "\n", "\r", "\u{B}", "\u{C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}":
        lines.append(String(line))
        line = String.UnicodeScalarView()
      default: line.append(scalar)
      }
      previous = scalar
    }
    if !line.isEmpty { lines.append(String(line)) }
    return lines
  }

  /// Jinja's filter `title`: a word begins after a hyphen, white space or an opening bracket.
  var wordsCapitalized: String {
    var result = ""
    var beginsWord = true
    for scalar in unicodeScalars {
      result += beginsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
      beginsWord = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
    }
    return result
  }

  /// The result of `upper`, `lower`, `capitalize` or `title`; nil for other names.
  func cased(_ method: String) -> String? {
    switch method {
    case "upper": return uppercased()
    case "lower": return lowercased()
    case "capitalize":
      guard let first = unicodeScalars.first else { return self }
      return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
    case "title":
      var result = ""
      var isInWord = false
      for scalar in unicodeScalars {
        result += isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
        isInWord = scalar.properties.isCased
      }
      return result
    default: return nil
    }
  }
}

extension Unicode.Scalar {
  /// `str.isspace()`: white space and the information separators.
  var isPythonSpace: Bool { isWhitespace || (0x1C...0x1F).contains(value) }
}

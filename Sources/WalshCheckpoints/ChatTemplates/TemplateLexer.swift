/// A word, constant or symbol inside a tag.
struct TemplateToken: Sendable {
  enum Kind: Sendable, Equatable {
    case name(String)
    case string(String)
    case integer(Int)
    case float(Double)
    case symbol(String)
  }

  let kind: Kind
  let line: Int
}

/// A stretch of a template: text to copy, `{{ }}` or `{% %}`.
enum TemplatePart: Sendable {
  case text(String, line: Int)
  case output([TemplateToken], line: Int)
  case statement([TemplateToken], line: Int)
}

/// Cuts a template into parts as Jinja does with `trim_blocks` and `lstrip_blocks`: a tag `{% %}` or `{# #}`
/// takes the spaces before it on its line and the line break after it; a minus sign takes all white space on
/// its side, a plus sign none.
struct TemplateLexer {
  private let source: [Unicode.Scalar]
  private var position = 0
  private var line = 1
  private var parts: [TemplatePart] = []
  /// Whether the text that follows begins a line, as far as the tag before it has left it.
  private var atLineStart = true

  private init(_ source: String) {
    var scalars = Array(source.unicodeScalars)
    // Jinja makes every line break one "\n" and drops the last.
    var index = 0
    var unified: [Unicode.Scalar] = []
    unified.reserveCapacity(scalars.count)
    while index < scalars.count {
      if scalars[index] == "\r" {
        unified.append("\n")
        if index + 1 < scalars.count, scalars[index + 1] == "\n" { index += 1 }
      } else {
        unified.append(scalars[index])
      }
      index += 1
    }
    scalars = unified
    if scalars.last == "\n" { scalars.removeLast() }
    self.source = scalars
  }

  static func parts(of source: String) throws(ChatTemplateError) -> [TemplatePart] {
    var lexer = TemplateLexer(source)
    try lexer.run()
    return lexer.parts
  }

  private func error(_ cause: String) -> ChatTemplateError { ChatTemplateError(line: line, cause: cause) }

  private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    position + offset < source.count ? source[position + offset] : nil
  }

  private func stands(_ text: String, at index: Int? = nil) -> Bool {
    source[(index ?? position)...].starts(with: text.unicodeScalars)
  }

  private mutating func advance(to index: Int) {
    while position < index {
      if source[position] == "\n" { line += 1 }
      position += 1
    }
  }

  private mutating func run() throws(ChatTemplateError) {
    while position < source.count {
      var tag = position
      while tag < source.count,
        !(source[tag] == "{" && tag + 1 < source.count && "{%#".unicodeScalars.contains(source[tag + 1]))
      {
        tag += 1
      }
      appendText(position..<tag)
      guard position < source.count else { return }
      switch source[position + 1] {
      case "#": try comment()
      case "%": try statement()
      default: try output()
      }
    }
  }

  /// Appends text without the white space that the tags on both sides take.
  private mutating func appendText(_ range: Range<Int>) {
    var text = source[range]
    let textLine = line
    if range.upperBound < source.count {
      let sign = range.upperBound + 2 < source.count ? source[range.upperBound + 2] : " "
      if sign == "-" {
        while let last = text.last, last.isWhitespace { text.removeLast() }
      } else if sign != "+", source[range.upperBound + 1] != "{" {
        let lineStart = text.lastIndex(of: "\n").map { $0 + 1 } ?? text.startIndex
        let isWholeLine = lineStart > text.startIndex || (atLineStart && lineStart == range.lowerBound)
        if isWholeLine, text[lineStart...].allSatisfy(\.isWhitespace) { text = text[..<lineStart] }
      }
    }
    advance(to: range.upperBound)
    if !text.isEmpty {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: text)
      parts.append(.text(String(view), line: textLine))
    }
    atLineStart = false
  }

  /// Takes what follows the end of a tag; `sign` is the one before it.
  private mutating func endTag(sign: Unicode.Scalar?, trimsLine: Bool) {
    atLineStart = false
    if sign == "-" {
      var end = position
      while end < source.count, source[end].isWhitespace { end += 1 }
      atLineStart = end > position && source[end - 1] == "\n"
      advance(to: end)
    } else if trimsLine, sign != "+", peek() == "\n" {
      advance(to: position + 1)
      atLineStart = true
    }
  }

  private mutating func comment() throws(ChatTemplateError) {
    var end = position + 2
    while end < source.count, !stands("#}", at: end) { end += 1 }
    guard end < source.count else { throw error("the comment {# has no end #}") }
    let sign = end - 1 > position + 1 ? source[end - 1] : nil
    advance(to: end + 2)
    endTag(sign: sign, trimsLine: true)
  }

  private mutating func output() throws(ChatTemplateError) {
    let start = line
    parts.append(.output(try tokens(end: "}}", isBlock: false), line: start))
  }

  private mutating func statement() throws(ChatTemplateError) {
    let start = line
    let beginning = self
    let tokens = try self.tokens(end: "%}", isBlock: true)
    if tokens.count == 1, tokens[0].kind == .name("raw") {
      // The line break after {% raw %} stays.
      self = beginning
      _ = try self.tokens(end: "%}", isBlock: true, trimsLine: false)
      return try rawBlock()
    }
    parts.append(.statement(tokens, line: start))
  }

  /// The text up to `{% endraw %}`, copied as it stands.
  private mutating func rawBlock() throws(ChatTemplateError) {
    var end = position
    while end < source.count {
      if stands("{%", at: end) {
        var ahead = self
        ahead.advance(to: end)
        if let closing = try? ahead.tokens(end: "%}", isBlock: true), closing.count == 1,
          closing[0].kind == .name("endraw")
        {
          appendText(position..<end)
          _ = try tokens(end: "%}", isBlock: true)
          return
        }
      }
      end += 1
    }
    throw error("the block raw has no endraw")
  }

  // MARK: Inside a tag

  private mutating func tokens(
    end: String, isBlock: Bool, trimsLine: Bool? = nil
  ) throws(ChatTemplateError) -> [TemplateToken] {
    let start = line
    position += 2
    if peek() == "-" || peek() == "+" { position += 1 }
    var tokens: [TemplateToken] = []
    var open: [Unicode.Scalar] = []
    while let scalar = peek() {
      if scalar.isWhitespace {
        advance(to: position + 1)
        continue
      }
      if open.isEmpty {
        let sign = (scalar == "-" || (scalar == "+" && isBlock)) && stands(end, at: position + 1) ? scalar : nil
        if sign != nil || stands(end) {
          advance(to: position + (sign == nil ? 2 : 3))
          endTag(sign: sign, trimsLine: trimsLine ?? isBlock)
          return tokens
        }
      }
      let tokenLine = line
      let kind = try token(scalar)
      if case .symbol(let symbol) = kind { try balance(symbol, &open) }
      tokens.append(TemplateToken(kind: kind, line: tokenLine))
    }
    throw ChatTemplateError(line: start, cause: "the tag has no end \(end)")
  }

  private func balance(_ symbol: String, _ open: inout [Unicode.Scalar]) throws(ChatTemplateError) {
    switch symbol {
    case "(": open.append(")")
    case "[": open.append("]")
    case "{": open.append("}")
    case ")", "]", "}":
      guard let expected = open.popLast(), symbol.unicodeScalars.first == expected else {
        throw error("'\(symbol)' closes nothing that is open")
      }
    default: break
    }
  }

  private mutating func token(_ scalar: Unicode.Scalar) throws(ChatTemplateError) -> TemplateToken.Kind {
    if scalar == "\"" || scalar == "'" { return .string(try string(quote: scalar)) }
    if scalar.properties.isXIDStart || scalar == "_" {
      var name = String.UnicodeScalarView()
      while let next = peek(), next.properties.isXIDContinue || next == "_" {
        name.append(next)
        position += 1
      }
      return .name(String(name))
    }
    if ("0"..."9").contains(scalar) { return try number() }
    for symbol in ["**", "//", "==", "!=", "<=", ">="] where stands(symbol) {
      position += 2
      return .symbol(symbol)
    }
    guard "+-*/%~<>=.:|,;()[]{}".unicodeScalars.contains(scalar) else {
      throw error("the character '\(scalar)' has no meaning here")
    }
    position += 1
    return .symbol(String(scalar))
  }

  private mutating func number() throws(ChatTemplateError) -> TemplateToken.Kind {
    var text = ""
    func isDigit(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { ("0"..."9").contains($0) } ?? false }
    while let next = peek(), isDigit(next) || next == "_" {
      if next != "_" { text.unicodeScalars.append(next) }
      position += 1
    }
    var isFloat = false
    if peek() == ".", isDigit(peek(1)) {
      isFloat = true
      repeat {
        text.unicodeScalars.append(source[position])
        position += 1
      } while isDigit(peek())
    }
    if peek() == "e" || peek() == "E", isDigit(peek(1)) || ((peek(1) == "-" || peek(1) == "+") && isDigit(peek(2))) {
      isFloat = true
      repeat {
        text.unicodeScalars.append(source[position])
        position += 1
      } while isDigit(peek()) || peek() == "-" || peek() == "+"
    }
    if isFloat, let value = Double(text), value.isFinite { return .float(value) }
    guard !isFloat, let value = Int(text) else { throw error("the number \(text) is too large") }
    return .integer(value)
  }

  private mutating func string(quote: Unicode.Scalar) throws(ChatTemplateError) -> String {
    let start = line
    position += 1
    var text = String.UnicodeScalarView()
    while let scalar = peek() {
      advance(to: position + 1)
      if scalar == quote { return String(text) }
      guard scalar == "\\", let escaped = peek() else {
        text.append(scalar)
        continue
      }
      advance(to: position + 1)
      switch escaped {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "r": text.append("\r")
      case "b": text.append("\u{8}")
      case "f": text.append("\u{C}")
      case "v": text.append("\u{B}")
      case "a": text.append("\u{7}")
      case "0": text.append("\u{0}")
      case "\n": break
      case "x": text.append(try hexadecimal(2))
      case "u": text.append(try hexadecimal(4))
      case "U": text.append(try hexadecimal(8))
      case "\\", "'", "\"": text.append(escaped)
      default:
        text.append("\\")
        text.append(escaped)
      }
    }
    throw ChatTemplateError(line: start, cause: "a string has no closing quote")
  }

  private mutating func hexadecimal(_ digits: Int) throws(ChatTemplateError) -> Unicode.Scalar {
    let end = min(position + digits, source.count)
    var view = String.UnicodeScalarView()
    view.append(contentsOf: source[position..<end])
    guard view.count == digits, let value = UInt32(String(view), radix: 16), let scalar = Unicode.Scalar(value) else {
      throw error("an escape in a string must have \(digits) hexadecimal digits of a character")
    }
    position = end
    return scalar
  }
}

extension JSON {
  /// Parses one JSON text (RFC 8259) that fills `bytes` but for white space around it.
  ///
  /// Strict: duplicate keys, invalid UTF-8, unpaired surrogate escapes, literals such as `NaN`,
  /// numbers beyond the range of a double, trailing bytes and a nesting deeper than
  /// `maximumDepth` are errors. Cost: linear in the number of bytes.
  ///
  /// - Throws: ``JSONError`` with the offset of the first offence.
  public init(parsing bytes: UnsafeRawBufferPointer, maximumDepth: Int = 128) throws(JSONError) {
    var parser = JSONParser(
      bytes: bytes.bindMemory(to: UInt8.self), remainingDepth: maximumDepth)
    self = try parser.document()
  }

  /// Parses one JSON text; see ``init(parsing:maximumDepth:)-(UnsafeRawBufferPointer,_)``.
  public init(parsing bytes: [UInt8], maximumDepth: Int = 128) throws(JSONError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(JSONError) in try JSON(parsing: buffer, maximumDepth: maximumDepth) }
    }
    self = try result.get()
  }
}

/// A recursive descent parser over the bytes.
private struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  var remainingDepth: Int
  var position = 0

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private func failure(_ cause: String, at offset: Int? = nil) -> JSONError {
    JSONError(offset: offset ?? position, cause: cause)
  }

  private func unexpected(_ expected: String) -> JSONError {
    guard let current else { return failure("the text ends where \(expected) must stand") }
    let shown = (0x21...0x7E).contains(current) ? "'\(Character(UnicodeScalar(current)))'" : "byte \(current)"
    return failure("\(shown) stands where \(expected) must")
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    position += 1
    return true
  }

  mutating func document() throws(JSONError) -> JSON {
    let value = try value()
    skipSpace()
    if position < bytes.count { throw failure("there are bytes after the end of the value") }
    return value
  }

  private mutating func value() throws(JSONError) -> JSON {
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return try nested { parser throws(JSONError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { parser throws(JSONError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case let byte? where byte == UInt8(ascii: "-") || isDigit(byte): return .number(try number())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: throw unexpected("a value")
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(JSONError) -> JSON
  ) throws(JSONError) -> JSON {
    guard remainingDepth > 0 else { throw failure("the nesting is too deep") }
    remainingDepth -= 1
    defer { remainingDepth += 1 }
    return try body(&self)
  }

  private mutating func literal(_ text: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    let count = text.utf8CodeUnitCount
    guard position + count <= bytes.count,
      UnsafeBufferPointer(rebasing: bytes[position..<position + count]).elementsEqual(
        UnsafeBufferPointer(start: text.utf8Start, count: count))
    else { throw failure("'\(text)' is expected here, no other word") }
    position += count
    return value
  }

  private mutating func object() throws(JSONError) -> JSON {
    var object = JSONObject()
    position += 1
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(object) }
    while true {
      skipSpace()
      let start = position
      guard current == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw unexpected("':' after a key") }
      guard object.append(key, try value()) else {
        throw failure("the key \"\(key.prefix(64))\" occurs twice in one object", at: start)
      }
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(object) }
      guard take(UInt8(ascii: ",")) else { throw unexpected("',' or '}'") }
    }
  }

  private mutating func array() throws(JSONError) -> JSON {
    var elements: [JSON] = []
    position += 1
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array(elements) }
    while true {
      elements.append(try value())
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      guard take(UInt8(ascii: ",")) else { throw unexpected("',' or ']'") }
    }
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = current, isDigit(byte) { position += 1 }
    if position == start { throw unexpected("a digit") }
  }

  private mutating func number() throws(JSONError) -> JSONNumber {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if take(UInt8(ascii: "0")) {
      if let byte = current, isDigit(byte) {
        throw failure("a number must not begin with a zero before other digits", at: start)
      }
    } else {
      try digits()
    }
    var isInteger = true
    if take(UInt8(ascii: ".")) {
      isInteger = false
      try digits()
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isInteger = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    let number = JSONNumber(
      validLiteral: String(decoding: bytes[start..<position], as: UTF8.self))
    let isShort = isInteger && position - start <= 18
    guard isShort || number.doubleValue.isFinite else {
      throw failure("the number lies beyond the range of a double", at: start)
    }
    return number
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    var scanner = position
    var isPlain = true
    while true {
      guard scanner < bytes.count else {
        position = bytes.count
        throw failure("the text ends inside a string")
      }
      let byte = bytes[scanner]
      if byte == UInt8(ascii: "\"") { break }
      if byte == UInt8(ascii: "\\") {
        isPlain = false
        scanner += 1
      } else if byte < 0x20 {
        throw failure("a control character stands unescaped in a string", at: scanner)
      }
      scanner += 1
    }
    position = scanner + 1
    if isPlain { return try text(UnsafeBufferPointer(rebasing: bytes[start..<scanner]), at: start) }
    return try unescaped(start..<scanner)
  }

  private func text(_ raw: UnsafeBufferPointer<UInt8>, at offset: Int) throws(JSONError) -> String {
    // Decoding repairs what is invalid, so a text that comes out unchanged was valid.
    var text = String(decoding: raw, as: UTF8.self)
    guard text.withUTF8({ $0.count == raw.count && $0.elementsEqual(raw) }) else {
      throw failure("the string is not valid UTF-8", at: offset)
    }
    return text
  }

  private func unescaped(_ range: Range<Int>) throws(JSONError) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let byte = bytes[index]
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        index += 1
        continue
      }
      switch bytes[index + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(bytes[index + 1])
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        let (scalar, length) = try escapedScalar(at: index, limit: range.upperBound)
        result.append(contentsOf: UTF8.encode(scalar)!)
        index += length
        continue
      default: throw failure("the escape sequence is unknown", at: index)
      }
      index += 2
    }
    let offset = range.lowerBound
    let decoded = result.withUnsafeBufferPointer { buffer in
      Result { () throws(JSONError) in try text(buffer, at: offset) }
    }
    return try decoded.get()
  }

  /// The scalar of `\uXXXX` or of a pair of surrogates, and the length of the escape in bytes.
  private func escapedScalar(
    at index: Int, limit: Int
  ) throws(JSONError) -> (scalar: Unicode.Scalar, length: Int) {
    let first = try codeUnit(at: index, limit: limit)
    if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
    guard first < 0xDC00, index + 7 < limit, bytes[index + 6] == UInt8(ascii: "\\"),
      bytes[index + 7] == UInt8(ascii: "u")
    else { throw failure("a surrogate escape stands without its pair", at: index) }
    let second = try codeUnit(at: index + 6, limit: limit)
    guard (0xDC00...0xDFFF).contains(second),
      let scalar = Unicode.Scalar(
        0x10000 + (UInt32(first - 0xD800) << 10) + UInt32(second - 0xDC00))
    else { throw failure("a surrogate escape stands without its pair", at: index) }
    return (scalar, 12)
  }

  private func codeUnit(at index: Int, limit: Int) throws(JSONError) -> UInt16 {
    guard index + 6 <= limit else { throw failure("\\u must be followed by four digits", at: index) }
    var unit: UInt16 = 0
    for digit in bytes[index + 2..<index + 6] {
      guard let value = Character(UnicodeScalar(digit)).hexDigitValue, digit < 0x80 else {
        throw failure("\\u must be followed by four hexadecimal digits", at: index)
      }
      unit = unit << 4 | UInt16(value)
    }
    return unit
  }
}

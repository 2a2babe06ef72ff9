/// A JSON number: the literal text as it stood in the file, so that no digit is lost.
public struct JSONNumber: Sendable, Hashable {
  /// The number as written, a valid number of RFC 8259 section 6.
  public let literal: String

  /// A literal the parser has checked.
  init(validLiteral: String) { literal = validLiteral }

  /// The number written in decimal.
  public init(_ value: Int) { literal = String(value) }

  /// The shortest literal that reads back as `value`.
  ///
  /// - Precondition: `value` is finite; JSON has no other numbers.
  public init(_ value: Double) {
    precondition(value.isFinite, "JSON cannot write \(value): only finite numbers exist there.")
    literal = "\(value)"
  }

  /// The number as an integer; nil when it has a fraction or does not fit. `1.0` and `1e3` are
  /// integers.
  public var intValue: Int? { Int(literal) ?? Int(exactly: doubleValue) }

  /// The nearest double; finite, because the parser refuses literals beyond double's range.
  public var doubleValue: Double { Double(literal) ?? .nan }
}

extension JSON {
  /// A number; infinity and NaN, which JSON does not have, become null.
  public init(finite value: Double) { self = value.isFinite ? .number(JSONNumber(value)) : .null }
}

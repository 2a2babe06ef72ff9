/// A JSON value (RFC 8259) that loses nothing of what a model's files say.
///
/// Foundation's dictionaries treat canonically equivalent keys ("é" in one or two scalars) as one,
/// which drops vocabulary entries, and forget the order of keys. This type compares keys byte by
/// byte, keeps their order and keeps the literal text of numbers.
public enum JSON: Sendable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  /// The member named `key`; nil when this is no object or has no such member.
  public subscript(key: String) -> JSON? { objectValue?[key] }

  /// The number as an integer; nil when this is no number or not an integer that fits.
  public var intValue: Int? { if case .number(let number) = self { number.intValue } else { nil } }

  /// The number in double precision; nil when this is no number.
  public var doubleValue: Double? {
    if case .number(let number) = self { number.doubleValue } else { nil }
  }

  /// The text; nil when this is no string.
  public var stringValue: String? { if case .string(let text) = self { text } else { nil } }

  /// The truth value; nil when this is neither `true` nor `false`.
  public var boolValue: Bool? { if case .bool(let flag) = self { flag } else { nil } }

  /// The elements; nil when this is no array.
  public var arrayValue: [JSON]? { if case .array(let elements) = self { elements } else { nil } }

  /// The members; nil when this is no object.
  public var objectValue: JSONObject? {
    if case .object(let members) = self { members } else { nil }
  }

  /// Whether this is the value `null`.
  public var isNull: Bool { if case .null = self { true } else { false } }

  /// The kind of this value in the words of RFC 8259, for error messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSON: Equatable {
  /// Whether two values are the same text: strings and keys byte by byte, numbers by their
  /// literals, members in the same order.
  public static func == (left: JSON, right: JSON) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.number(let left), .number(let right)): left == right
    case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    default: false
    }
  }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .number(JSONNumber(value)) }
  public init(floatLiteral value: Double) { self = .number(JSONNumber(value)) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(JSONObject(elements))
  }
}

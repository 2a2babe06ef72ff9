/// A value while a template is rendered, with Python's meaning of truth, equality and text.
enum TemplateValue {
  /// A name, attribute or item that is not there; the text says which.
  case undefined(String)
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case list([TemplateValue])
  case mapping(TemplateMapping)
  case namespace(TemplateNamespace)
  case macro(TemplateMacro)
  /// A function of Jinja or of the environment, by its name.
  case function(String)
  /// A method of a value that has not been called, such as `message.items`.
  indirect case method(TemplateValue, String)
}

/// The members of a mapping, in order.
typealias TemplateMapping = OrderedMembers<TemplateValue>

/// What `namespace()` makes: attributes that assignments inside loops change for good.
final class TemplateNamespace {
  var attributes = TemplateMapping()
}

/// A macro, and the names around it when it is defined inside a loop or another macro.
final class TemplateMacro {
  let definition: TemplateStatement.Macro
  let enclosingScopes: [[String: TemplateValue]]

  init(_ definition: TemplateStatement.Macro, enclosingScopes: [[String: TemplateValue]]) {
    self.definition = definition
    self.enclosingScopes = enclosingScopes
  }
}

extension TemplateValue {
  init(_ json: JSON) {
    switch json {
    case .null: self = .none
    case .bool(let flag): self = .boolean(flag)
    case .number(let number):
      let isInteger = number.literal.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2D }
      if isInteger, let value = number.intValue { self = .integer(value) } else { self = .float(number.doubleValue) }
    case .string(let text): self = .string(text)
    case .array(let elements): self = .list(elements.map(TemplateValue.init))
    case .object(let object):
      var mapping = TemplateMapping()
      for (key, value) in object { mapping.set(key, to: TemplateValue(value)) }
      self = .mapping(mapping)
    }
  }

  init(_ literal: TemplateLiteral) {
    switch literal {
    case .none: self = .none
    case .boolean(let flag): self = .boolean(flag)
    case .integer(let value): self = .integer(value)
    case .float(let value): self = .float(value)
    case .string(let text): self = .string(text)
    }
  }

  /// The word for this kind of value in messages.
  var kind: String {
    switch self {
    case .undefined(let what): "\(what), which is undefined"
    case .none: "none"
    case .boolean: "a boolean"
    case .integer, .float: "a number"
    case .string: "a string"
    case .list: "a list"
    case .mapping: "a mapping"
    case .namespace: "a namespace"
    case .macro, .function, .method: "a function"
    }
  }

  /// Python's truth: empty and zero are false.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let flag): flag
    case .integer(let value): value != 0
    case .float(let value): value != 0
    case .string(let text): !text.utf8.isEmpty
    case .list(let elements): !elements.isEmpty
    case .mapping(let mapping): !mapping.members.isEmpty
    case .namespace, .macro, .function, .method: true
    }
  }

  /// The value as a number where Python takes it for one; booleans count 0 and 1.
  var number: Double? {
    switch self {
    case .boolean(let flag): flag ? 1 : 0
    case .integer(let value): Double(value)
    case .float(let value): value
    default: nil
    }
  }

  /// The value as an integer where Python takes it for one.
  var integer: Int? {
    switch self {
    case .boolean(let flag): flag ? 1 : 0
    case .integer(let value): value
    default: nil
    }
  }

  var string: String? { if case .string(let text) = self { text } else { nil } }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  /// Python's `==`.
  static func areEqual(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
    if let left = left.integer, let right = right.integer { return left == right }
    if let left = left.number, let right = right.number { return left == right }
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
    case (.list(let left), .list(let right)): return left.elementsEqual(right, by: areEqual)
    case (.mapping(let left), .mapping(let right)):
      return left.members.count == right.members.count
        && left.members.allSatisfy { key, value in right[key].map { areEqual(value, $0) } ?? false }
    case (.namespace(let left), .namespace(let right)): return left === right
    case (.macro(let left), .macro(let right)): return left === right
    default: return false
    }
  }

  /// Python's `<` for numbers and strings; nil for values without an order.
  static func isLess(_ left: TemplateValue, _ right: TemplateValue) -> Bool? {
    if let left = left.integer, let right = right.integer { return left < right }
    if let left = left.number, let right = right.number { return left < right }
    guard let left = left.string, let right = right.string else { return nil }
    return left.utf8.lexicographicallyPrecedes(right.utf8)
  }
}

/// Jinja's tests, the words after `is`.
extension TemplateInterpreter {
  func test(
    _ name: String, of value: TemplateValue, _ operands: [TemplateValue]
  ) throws(ChatTemplateError) -> Bool {
    if let comparison = Self.comparisons[name] {
      guard let operand = operands.first else { throw error("the test '\(name)' takes an operand") }
      return try compare(comparison, value, operand)
    }
    switch (name, value) {
    case ("defined", _): return !value.isUndefined
    case ("undefined", _): return value.isUndefined
    case ("none", .none), ("boolean", .boolean), ("string", .string), ("mapping", .mapping), ("integer", .integer),
      ("float", .float), ("number", .integer), ("number", .float), ("number", .boolean), ("iterable", .string),
      ("iterable", .list), ("iterable", .mapping), ("iterable", .undefined), ("sequence", .string),
      ("sequence", .list), ("sequence", .mapping), ("sequence", .undefined), ("callable", .macro),
      ("callable", .function), ("callable", .method):
      return true
    case ("true", .boolean(let flag)): return flag
    case ("false", .boolean(let flag)): return !flag
    case ("none", _), ("boolean", _), ("string", _), ("mapping", _), ("integer", _), ("float", _), ("number", _),
      ("iterable", _), ("sequence", _), ("callable", _), ("true", _), ("false", _):
      return false
    case ("even", _), ("odd", _), ("divisibleby", _):
      let divisor = name == "divisibleby" ? operands.first?.integer : 2
      guard let number = value.integer, let divisor, divisor != 0 else {
        throw error("the test '\(name)' works on whole numbers, not on \(value.kind)")
      }
      return divisor == -1 || number % divisor == 0 ? name != "odd" : name == "odd"
    case ("lower", _), ("upper", _):
      let text = try text(of: value)
      let isCased = text.unicodeScalars.contains { $0.properties.isCased }
      return isCased && text.cased(name).map { $0.utf8.elementsEqual(text.utf8) } == true
    case ("sameas", _):
      guard let operand = operands.first else { throw error("the test 'sameas' takes an operand") }
      switch (value, operand) {
      case (.boolean(let left), .boolean(let right)): return left == right
      case (.boolean, _), (_, .boolean): return false
      default: return TemplateValue.areEqual(value, operand)
      }
    default: throw error("the test '\(name)' is unknown")
    }
  }

  private static let comparisons: [String: TemplateExpression.Comparison] = [
    "equalto": .equal, "eq": .equal, "ne": .notEqual, "lt": .less, "lessthan": .less, "le": .lessOrEqual,
    "gt": .greater, "greaterthan": .greater, "ge": .greaterOrEqual, "in": .contained,
  ]
}

import Foundation

/// The values of expressions.
extension TemplateInterpreter {
  func evaluate(_ arguments: TemplateArguments) throws(ChatTemplateError) -> EvaluatedArguments {
    var result = EvaluatedArguments()
    for argument in arguments.positional { result.positional.append(try evaluate(argument)) }
    for argument in arguments.named { result.named.append((argument.name, try evaluate(argument.value))) }
    return result
  }

  func evaluate(_ expression: TemplateExpression) throws(ChatTemplateError) -> TemplateValue {
    try count()
    switch expression.kind {
    case .literal(let literal): return TemplateValue(literal)
    case .name(let name): return value(of: name)
    case .list(let elements):
      var values: [TemplateValue] = []
      for element in elements { values.append(try evaluate(element)) }
      return .list(values)
    case .mapping(let members):
      var mapping = TemplateMapping()
      for (key, value) in members {
        guard let name = try evaluate(key).string else { throw error("a key of a mapping must be a string") }
        mapping.set(name, to: try evaluate(value))
      }
      return .mapping(mapping)
    case .attribute(let base, let name): return try attribute(name, of: try evaluate(base))
    case .item(let base, let index): return try item(try evaluate(index), of: try evaluate(base))
    case .slice(let base, let start, let stop, let step):
      return try slice(
        try evaluate(base), start: try bound(start), stop: try bound(stop), step: try bound(step) ?? 1)
    case .call(let function, let arguments):
      return try call(try evaluate(function), try evaluate(arguments))
    case .filter(let base, let name, let arguments):
      return try apply(filter: name, to: try evaluate(base), try evaluate(arguments))
    case .test(let base, let name, let operands):
      let value = try evaluate(base)
      var values: [TemplateValue] = []
      for operand in operands { values.append(try evaluate(operand)) }
      return .boolean(try test(name, of: value, values))
    case .not(let operand): return .boolean(!(try evaluate(operand).isTrue))
    case .negative(let operand):
      return try arithmetic(.subtract, .integer(0), try evaluate(operand))
    case .arithmetic(let operation, let left, let right):
      return try arithmetic(operation, try evaluate(left), try evaluate(right))
    case .concatenation(let parts):
      var text = ""
      for part in parts { text += try self.text(of: try evaluate(part)) }
      return .string(text)
    case .comparison(let first, let operations):
      var left = try evaluate(first)
      for (operation, operand) in operations {
        let right = try evaluate(operand)
        guard try compare(operation, left, right) else { return .boolean(false) }
        left = right
      }
      return .boolean(true)
    case .and(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .or(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .conditional(let condition, let then, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(then) }
      return try otherwise.map { value throws(ChatTemplateError) in try evaluate(value) }
        ?? .undefined("a conditional without else")
    }
  }

  /// The elements of what a loop can run over.
  func elements(of value: TemplateValue) throws(ChatTemplateError) -> [TemplateValue] {
    switch value {
    case .list(let elements):
      try count(elements.count)
      return elements
    case .mapping(let mapping): return mapping.members.map { .string($0.key) }
    case .string(let text):
      try count(text: text.utf8.count)
      return text.unicodeScalars.map { .string(String($0)) }
    case .undefined: return []
    default: throw error("\(value.kind) has no elements")
    }
  }

  // MARK: Attributes, items, slices

  private static let mappingMethods: Set<String> = ["get", "items", "keys", "values"]
  static let stringMethods: Set<String> = [
    "strip", "lstrip", "rstrip", "split", "splitlines", "startswith", "endswith", "upper", "lower", "title",
    "capitalize", "replace", "join", "find", "count", "isdigit",
  ]

  private func attribute(_ name: String, of value: TemplateValue) throws(ChatTemplateError) -> TemplateValue {
    switch value {
    case .undefined: throw error("'\(name)' is asked of \(value.kind)")
    case .mapping(let mapping):
      // As in Python, a method hides a member of its name; members are reached with brackets.
      if Self.mappingMethods.contains(name) { return .method(value, name) }
      return mapping[name] ?? .undefined("'\(name)'")
    case .namespace(let namespace): return namespace.attributes[name] ?? .undefined("'\(name)'")
    case .string where Self.stringMethods.contains(name): return .method(value, name)
    default: return .undefined("'\(name)'")
    }
  }

  func item(_ index: TemplateValue, of value: TemplateValue) throws(ChatTemplateError) -> TemplateValue {
    func place(_ count: Int) -> Int? {
      guard let index = index.integer else { return nil }
      let place = index < 0 ? index + count : index
      return (0..<count).contains(place) ? place : nil
    }
    switch value {
    case .undefined: throw error("an item is asked of \(value.kind)")
    case .list(let elements): if let place = place(elements.count) { return elements[place] }
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      try count(scalars.count)
      if let place = place(scalars.count) { return .string(String(scalars[place])) }
    case .mapping(let mapping): if let key = index.string, let member = mapping[key] { return member }
    default: break
    }
    if let name = index.string { return try attribute(name, of: value) }
    return .undefined("an item")
  }

  private func bound(_ expression: TemplateExpression?) throws(ChatTemplateError) -> Int? {
    guard let expression else { return nil }
    let value = try evaluate(expression)
    if case .none = value { return nil }
    guard let bound = value.integer else { throw error("a bound of a slice must be a whole number") }
    return bound
  }

  private func slice(
    _ value: TemplateValue, start: Int?, stop: Int?, step: Int
  ) throws(ChatTemplateError) -> TemplateValue {
    guard step != 0 else { throw error("the step of a slice must not be 0") }
    func places(_ count: Int) -> [Int] {
      func clamped(_ bound: Int?, _ fallback: Int) -> Int {
        guard let bound else { return fallback }
        let place = bound < 0 ? max(bound, -count - 1) + count : bound
        return step > 0 ? min(max(place, 0), count) : min(max(place, -1), count - 1)
      }
      let first = clamped(start, step > 0 ? 0 : count - 1)
      let end = clamped(stop, step > 0 ? count : -1)
      return Array(stride(from: first, to: end, by: step))
    }
    switch value {
    case .list(let elements):
      try count(elements.count)
      return .list(places(elements.count).map { elements[$0] })
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      try count(scalars.count)
      var result = String.UnicodeScalarView()
      for place in places(scalars.count) { result.append(scalars[place]) }
      return .string(String(result))
    default: throw error("\(value.kind) cannot be sliced")
    }
  }

  // MARK: Operators

  func compare(
    _ operation: TemplateExpression.Comparison, _ left: TemplateValue, _ right: TemplateValue
  ) throws(ChatTemplateError) -> Bool {
    func isLess(_ left: TemplateValue, _ right: TemplateValue) throws(ChatTemplateError) -> Bool {
      guard let result = TemplateValue.isLess(left, right) else {
        throw error("\(left.kind) and \(right.kind) have no order")
      }
      return result
    }
    switch operation {
    case .equal: return TemplateValue.areEqual(left, right)
    case .notEqual: return !TemplateValue.areEqual(left, right)
    case .less: return try isLess(left, right)
    case .greater: return try isLess(right, left)
    case .lessOrEqual: return try isLess(left, right) || TemplateValue.areEqual(left, right)
    case .greaterOrEqual: return try isLess(right, left) || TemplateValue.areEqual(left, right)
    case .contained: return try contains(left, in: right)
    case .notContained: return !(try contains(left, in: right))
    }
  }

  private func contains(_ value: TemplateValue, in container: TemplateValue) throws(ChatTemplateError) -> Bool {
    switch container {
    case .string(let text):
      guard let part = value.string else { throw error("\(value.kind) cannot be looked for in a string") }
      try count(text: text.utf8.count)
      return TextSearch(part).firstOccurrence(in: text) != nil
    case .mapping(let mapping): return value.string.map { mapping[$0] != nil } ?? false
    default:
      for element in try elements(of: container) where TemplateValue.areEqual(element, value) { return true }
      return false
    }
  }

  func arithmetic(
    _ operation: TemplateExpression.Arithmetic, _ left: TemplateValue, _ right: TemplateValue
  ) throws(ChatTemplateError) -> TemplateValue {
    switch (operation, left, right) {
    case (.add, .string(let left), .string(let right)):
      try count(text: left.utf8.count + right.utf8.count)
      return .string(left + right)
    case (.add, .list(let left), .list(let right)):
      try count(left.count + right.count)
      return .list(left + right)
    case (.multiply, .string(let text), .integer(let times)):
      try count(text: try product(text.utf8.count, max(times, 0)))
      return .string(String(repeating: text, count: max(times, 0)))
    default: break
    }
    guard let leftNumber = left.number, let rightNumber = right.number else {
      throw error("'\(operation.rawValue)' does not work on \(left.kind) and \(right.kind)")
    }
    if let left = left.integer, let right = right.integer, operation != .divide, operation != .power || right >= 0 {
      return .integer(try integerArithmetic(operation, left, right))
    }
    if rightNumber == 0, [.divide, .floorDivide, .remainder].contains(operation) {
      throw error("it divides by zero")
    }
    let result =
      switch operation {
      case .add: leftNumber + rightNumber
      case .subtract: leftNumber - rightNumber
      case .multiply: leftNumber * rightNumber
      case .divide: leftNumber / rightNumber
      case .floorDivide: (leftNumber / rightNumber).rounded(.down)
      case .remainder: leftNumber - rightNumber * (leftNumber / rightNumber).rounded(.down)
      case .power: pow(leftNumber, rightNumber)
      }
    guard result.isFinite else { throw error("a number grows beyond all bounds") }
    return .float(result)
  }

  private func product(_ left: Int, _ right: Int) throws(ChatTemplateError) -> Int {
    let (result, overflows) = left.multipliedReportingOverflow(by: right)
    if overflows { throw error("a number grows beyond all bounds") }
    return result
  }

  private func integerArithmetic(
    _ operation: TemplateExpression.Arithmetic, _ left: Int, _ right: Int
  ) throws(ChatTemplateError) -> Int {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case .add: result = left.addingReportingOverflow(right)
    case .subtract: result = left.subtractingReportingOverflow(right)
    case .multiply: return try product(left, right)
    case .floorDivide, .remainder, .divide:
      if right == 0 { throw error("it divides by zero") }
      if right == -1 { return operation == .remainder ? 0 : try integerArithmetic(.subtract, 0, left) }
      // Python rounds down, Swift towards zero.
      let roundsDown = left % right != 0 && (left < 0) != (right < 0)
      return operation == .remainder
        ? left % right + (roundsDown ? right : 0) : left / right - (roundsDown ? 1 : 0)
    case .power:
      var power = 1
      for _ in 0..<right {
        try count()
        power = try product(power, left)
      }
      return power
    }
    if result.overflow { throw error("a number grows beyond all bounds") }
    return result.partialValue
  }

  // MARK: Calls

  private func call(
    _ function: TemplateValue, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> TemplateValue {
    switch function {
    case .macro(let macro): return try call(macro, arguments)
    case .method(let value, let name): return try call(method: name, of: value, arguments)
    case .function(let name): return try call(function: name, arguments)
    default: throw error("\(function.kind) cannot be called")
    }
  }

  private func call(
    function name: String, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> TemplateValue {
    switch name {
    case "range":
      let bounds = arguments.positional.compactMap(\.integer)
      guard bounds.count == arguments.positional.count, (1...3).contains(bounds.count),
        bounds.count < 3 || bounds[2] != 0
      else { throw error("range takes one to three whole numbers, the last not 0") }
      let range = stride(
        from: bounds.count > 1 ? bounds[0] : 0, to: bounds.count > 1 ? bounds[1] : bounds[0],
        by: bounds.count > 2 ? bounds[2] : 1)
      var values: [TemplateValue] = []
      for value in range {
        // The limit of Jinja's sandbox.
        if values.count == 100_000 { throw error("a range has more than 100000 numbers") }
        values.append(.integer(value))
      }
      try count(values.count)
      return .list(values)
    case "namespace", "dict":
      var mapping = TemplateMapping()
      if case .mapping(let given)? = arguments.positional.first { mapping = given }
      for (name, value) in arguments.named { mapping.set(name, to: value) }
      guard name == "namespace" else { return .mapping(mapping) }
      let namespace = TemplateNamespace()
      namespace.attributes = mapping
      return .namespace(namespace)
    case "raise_exception":
      throw error(try text(of: arguments.positional.first ?? .string("the template refuses this conversation")))
    case "strftime_now":
      guard let format = arguments.positional.first?.string else { throw error("strftime_now takes a format") }
      return .string(DateText(date: now).formatted(format))
    default: throw error("the function '\(name)' is unknown")
    }
  }
}

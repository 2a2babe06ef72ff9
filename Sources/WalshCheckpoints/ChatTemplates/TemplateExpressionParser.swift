/// Parses the tokens of one tag as Jinja's expression grammar, from the loosest binding to the tightest.
struct TemplateExpressionParser {
  private let tokens: [TemplateToken]
  private let endLine: Int
  private var position = 0
  private var remainingDepth = 60
  /// Chains such as `a.b.c` and `1 + 1 + 1` nest to the left without end.
  private var remainingLinks = 200

  init(_ tokens: [TemplateToken], line: Int) {
    self.tokens = tokens
    endLine = tokens.last?.line ?? line
  }

  // MARK: Tokens

  var line: Int { position < tokens.count ? tokens[position].line : endLine }
  var isAtEnd: Bool { position == tokens.count }
  private var current: TemplateToken.Kind? { isAtEnd ? nil : tokens[position].kind }

  /// The expression that joins another one to its left.
  private mutating func link(
    _ kind: TemplateExpression.Kind, line: Int
  ) throws(ChatTemplateError) -> TemplateExpression {
    guard remainingLinks > 0 else { throw error("the expression is too long") }
    remainingLinks -= 1
    return TemplateExpression(line: line, kind: kind)
  }

  func error(_ cause: String) -> ChatTemplateError { ChatTemplateError(line: line, cause: cause) }

  private var currentWord: String {
    switch current {
    case .name(let name): "'\(name)'"
    case .symbol(let symbol): "'\(symbol)'"
    case .string: "a string"
    case .integer, .float: "a number"
    case nil: "the end of the tag"
    }
  }

  mutating func take(_ symbol: String) -> Bool {
    guard current == .symbol(symbol) else { return false }
    position += 1
    return true
  }

  mutating func takeWord(_ word: String) -> Bool {
    guard current == .name(word) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ symbol: String) throws(ChatTemplateError) {
    guard take(symbol) else { throw error("\(currentWord) stands where '\(symbol)' must") }
  }

  mutating func expectWord(_ word: String) throws(ChatTemplateError) {
    guard takeWord(word) else { throw error("\(currentWord) stands where '\(word)' must") }
  }

  mutating func name() throws(ChatTemplateError) -> String {
    guard case .name(let name) = current else { throw error("\(currentWord) stands where a name must") }
    position += 1
    return name
  }

  mutating func names() throws(ChatTemplateError) -> [String] {
    let isEnclosed = take("(")
    var names = [try name()]
    while take(",") { names.append(try name()) }
    if isEnclosed { try expect(")") }
    return names
  }

  func expectEnd() throws(ChatTemplateError) {
    if !isAtEnd { throw error("\(currentWord) stands where the tag must end") }
  }

  // MARK: Expressions

  /// An expression; several with commas between make a list.
  mutating func expressionList() throws(ChatTemplateError) -> TemplateExpression {
    let first = try expression()
    guard current == .symbol(",") else { return first }
    var elements = [first]
    while take(","), !isAtEnd { elements.append(try expression()) }
    return TemplateExpression(line: first.line, kind: .list(elements))
  }

  mutating func expression() throws(ChatTemplateError) -> TemplateExpression {
    guard remainingDepth > 0 else { throw error("the expression is nested too deeply") }
    remainingDepth -= 1
    defer { remainingDepth += 1 }
    var result = try disjunction()
    while takeWord("if") {
      let condition = try disjunction()
      let otherwise = takeWord("else") ? try expression() : nil
      result = try link(.conditional(condition, then: result, otherwise: otherwise), line: result.line)
    }
    return result
  }

  /// An expression without `a if b else c`, as in `for x in y if z`.
  mutating func disjunction() throws(ChatTemplateError) -> TemplateExpression {
    var left = try conjunction()
    while takeWord("or") { left = try link(.or(left, try conjunction()), line: left.line) }
    return left
  }

  private mutating func conjunction() throws(ChatTemplateError) -> TemplateExpression {
    var left = try negation()
    while takeWord("and") { left = try link(.and(left, try negation()), line: left.line) }
    return left
  }

  private mutating func negation() throws(ChatTemplateError) -> TemplateExpression {
    let line = line
    guard takeWord("not") else { return try comparison() }
    return TemplateExpression(line: line, kind: .not(try nested { p throws(ChatTemplateError) in try p.negation() }))
  }

  private mutating func nested(
    _ parse: (inout Self) throws(ChatTemplateError) -> TemplateExpression
  ) throws(ChatTemplateError) -> TemplateExpression {
    guard remainingDepth > 0 else { throw error("the expression is nested too deeply") }
    remainingDepth -= 1
    defer { remainingDepth += 1 }
    return try parse(&self)
  }

  private mutating func comparison() throws(ChatTemplateError) -> TemplateExpression {
    let left = try sum()
    var operations: [(comparison: TemplateExpression.Comparison, operand: TemplateExpression)] = []
    while let operation = comparisonOperator() { operations.append((operation, try sum())) }
    return operations.isEmpty ? left : TemplateExpression(line: left.line, kind: .comparison(left, operations))
  }

  private mutating func comparisonOperator() -> TemplateExpression.Comparison? {
    if takeWord("in") { return .contained }
    if current == .name("not"), position + 1 < tokens.count, tokens[position + 1].kind == .name("in") {
      position += 2
      return .notContained
    }
    guard case .symbol(let symbol) = current, let operation = TemplateExpression.Comparison(rawValue: symbol) else {
      return nil
    }
    position += 1
    return operation
  }

  private mutating func takeArithmetic(_ symbols: [String]) -> TemplateExpression.Arithmetic? {
    guard case .symbol(let symbol) = current, symbols.contains(symbol) else { return nil }
    position += 1
    return TemplateExpression.Arithmetic(rawValue: symbol)
  }

  private mutating func sum() throws(ChatTemplateError) -> TemplateExpression {
    var left = try concatenation()
    while let operation = takeArithmetic(["+", "-"]) {
      left = try link(.arithmetic(operation, left, try concatenation()), line: left.line)
    }
    return left
  }

  private mutating func concatenation() throws(ChatTemplateError) -> TemplateExpression {
    var parts = [try product()]
    while take("~") { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : TemplateExpression(line: parts[0].line, kind: .concatenation(parts))
  }

  private mutating func product() throws(ChatTemplateError) -> TemplateExpression {
    var left = try power()
    while let operation = takeArithmetic(["*", "/", "//", "%"]) {
      left = try link(.arithmetic(operation, left, try power()), line: left.line)
    }
    return left
  }

  private mutating func power() throws(ChatTemplateError) -> TemplateExpression {
    var left = try unary(withFilters: true)
    while let operation = takeArithmetic(["**"]) {
      left = try link(.arithmetic(operation, left, try unary(withFilters: true)), line: left.line)
    }
    return left
  }

  private mutating func unary(withFilters: Bool) throws(ChatTemplateError) -> TemplateExpression {
    let line = line
    var result: TemplateExpression
    if take("-") {
      let operand = try nested { p throws(ChatTemplateError) in try p.unary(withFilters: false) }
      result = TemplateExpression(line: line, kind: .negative(operand))
    } else if take("+") {
      result = try nested { p throws(ChatTemplateError) in try p.unary(withFilters: false) }
    } else {
      result = try primary()
    }
    result = try postfixes(of: result)
    return withFilters ? try filtersAndTests(of: result) : result
  }

  private mutating func primary() throws(ChatTemplateError) -> TemplateExpression {
    let line = line
    func literal(_ value: TemplateLiteral) -> TemplateExpression {
      TemplateExpression(line: line, kind: .literal(value))
    }
    guard let token = current else { throw error("the tag ends where an expression must stand") }
    position += 1
    switch token {
    case .integer(let value): return literal(.integer(value))
    case .float(let value): return literal(.float(value))
    case .string(var text):
      while case .string(let more) = current {
        text += more
        position += 1
      }
      return literal(.string(text))
    case .name("true"), .name("True"): return literal(.boolean(true))
    case .name("false"), .name("False"): return literal(.boolean(false))
    case .name("none"), .name("None"): return literal(.none)
    case .name(let name): return TemplateExpression(line: line, kind: .name(name))
    case .symbol("("):
      if take(")") { return TemplateExpression(line: line, kind: .list([])) }
      let first = try expression()
      guard current == .symbol(",") else {
        try expect(")")
        return first
      }
      var elements = [first]
      while take(","), current != .symbol(")") { elements.append(try expression()) }
      try expect(")")
      return TemplateExpression(line: line, kind: .list(elements))
    case .symbol("["):
      var elements: [TemplateExpression] = []
      while !take("]") {
        if !elements.isEmpty { try expect(",") }
        if take("]") { break }
        elements.append(try expression())
      }
      return TemplateExpression(line: line, kind: .list(elements))
    case .symbol("{"): return TemplateExpression(line: line, kind: .mapping(try mapping()))
    case .symbol(let symbol):
      position -= 1
      throw error("'\(symbol)' stands where an expression must")
    }
  }

  private mutating func mapping() throws(ChatTemplateError) -> [(key: TemplateExpression, value: TemplateExpression)]
  {
    var members: [(key: TemplateExpression, value: TemplateExpression)] = []
    while !take("}") {
      if !members.isEmpty { try expect(",") }
      if take("}") { break }
      let key = try expression()
      try expect(":")
      members.append((key, try expression()))
    }
    return members
  }

  private mutating func postfixes(of base: TemplateExpression) throws(ChatTemplateError) -> TemplateExpression {
    var result = base
    while true {
      let line = line
      if take(".") {
        if case .integer(let index) = current {
          position += 1
          let item = TemplateExpression(line: line, kind: .literal(.integer(index)))
          result = try link(.item(result, item), line: line)
        } else {
          result = try link(.attribute(result, try name()), line: line)
        }
      } else if take("[") {
        result = try link(try subscripting(result), line: line)
      } else if take("(") {
        result = try link(.call(result, try arguments()), line: line)
      } else {
        return result
      }
    }
  }

  private mutating func subscripting(
    _ base: TemplateExpression
  ) throws(ChatTemplateError) -> TemplateExpression.Kind {
    var bounds: [TemplateExpression?] = [nil]
    while !take("]") {
      if take(":") {
        bounds.append(nil)
      } else {
        guard bounds[bounds.count - 1] == nil else { throw error("\(currentWord) stands where ']' must") }
        bounds[bounds.count - 1] = try expression()
      }
    }
    guard bounds.count > 1 else {
      guard let index = bounds[0] else { throw error("the brackets [] are empty") }
      return .item(base, index)
    }
    guard bounds.count <= 3 else { throw error("a slice has at most three parts") }
    return .slice(base, start: bounds[0], stop: bounds[1], step: bounds.count == 3 ? bounds[2] : nil)
  }

  /// The arguments up to the closing parenthesis.
  private mutating func arguments() throws(ChatTemplateError) -> TemplateArguments {
    var arguments = TemplateArguments()
    var isFirst = true
    while !take(")") {
      if !isFirst { try expect(",") }
      isFirst = false
      if take(")") { break }
      if case .name(let name) = current, position + 1 < tokens.count, tokens[position + 1].kind == .symbol("=") {
        position += 2
        arguments.named.append((name, try expression()))
      } else {
        guard arguments.named.isEmpty else { throw error("an argument without a name follows one with a name") }
        arguments.positional.append(try expression())
      }
    }
    return arguments
  }

  private mutating func filtersAndTests(
    of base: TemplateExpression
  ) throws(ChatTemplateError) -> TemplateExpression {
    var result = base
    while true {
      let line = line
      if take("|") {
        let (name, arguments) = try filter()
        result = try link(.filter(result, name, arguments), line: line)
      } else if takeWord("is") {
        result = try test(of: result, line: line)
      } else if take("(") {
        result = try link(.call(result, try arguments()), line: line)
      } else {
        return result
      }
    }
  }

  /// A filter's name and arguments.
  mutating func filter() throws(ChatTemplateError) -> (name: String, arguments: TemplateArguments) {
    let name = try name()
    return (name, take("(") ? try arguments() : TemplateArguments())
  }

  private mutating func test(of base: TemplateExpression, line: Int) throws(ChatTemplateError) -> TemplateExpression {
    let isNegated = takeWord("not")
    let name = try name()
    var operands: [TemplateExpression] = []
    if take("(") {
      operands = try arguments().positional
    } else if beginsTestOperand {
      operands = [try postfixes(of: try primary())]
    }
    let test = try link(.test(base, name, operands), line: line)
    return isNegated ? TemplateExpression(line: line, kind: .not(test)) : test
  }

  private var beginsTestOperand: Bool {
    switch current {
    case .string, .integer, .float, .symbol("["), .symbol("{"): true
    case .name(let name): !["else", "or", "and", "is", "if", "in", "not"].contains(name)
    default: false
    }
  }
}

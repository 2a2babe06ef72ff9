/// Parses the parts of a template into statements.
struct TemplateParser {
  private let parts: [TemplatePart]
  private var position = 0
  private var loopDepth = 0
  private var remainingDepth = 60

  private init(parts: [TemplatePart]) { self.parts = parts }

  static func statements(of source: String) throws(ChatTemplateError) -> [TemplateStatement] {
    var parser = TemplateParser(parts: try TemplateLexer.parts(of: source))
    return try parser.body(of: nil, until: []).statements
  }

  /// The tag that ended a body: its word and what follows it.
  private struct End {
    let word: String
    var parser: TemplateExpressionParser
  }

  /// The statements up to a tag whose word is in `ends`, or up to the end of the template for `block` nil.
  private mutating func body(
    of block: (name: String, line: Int)?, until ends: [String]
  ) throws(ChatTemplateError) -> (statements: [TemplateStatement], end: End) {
    guard remainingDepth > 0 else {
      throw ChatTemplateError(line: block?.line ?? 1, cause: "the blocks are nested too deeply")
    }
    remainingDepth -= 1
    defer { remainingDepth += 1 }
    var statements: [TemplateStatement] = []
    while position < parts.count {
      let part = parts[position]
      position += 1
      switch part {
      case .text(let text, let line): statements.append(TemplateStatement(line: line, kind: .text(text)))
      case .output(let tokens, let line):
        var parser = TemplateExpressionParser(tokens, line: line)
        let expression = try parser.expressionList()
        try parser.expectEnd()
        statements.append(TemplateStatement(line: line, kind: .output(expression)))
      case .statement(let tokens, let line):
        var parser = TemplateExpressionParser(tokens, line: line)
        let word = try parser.name()
        if ends.contains(word) { return (statements, End(word: word, parser: parser)) }
        statements.append(TemplateStatement(line: line, kind: try statement(word, &parser, line: line)))
      }
    }
    if let block {
      throw ChatTemplateError(line: block.line, cause: "the block \(block.name) has no \(ends.last ?? "end")")
    }
    return (statements, End(word: "", parser: TemplateExpressionParser([], line: 0)))
  }

  private mutating func statement(
    _ word: String, _ parser: inout TemplateExpressionParser, line: Int
  ) throws(ChatTemplateError) -> TemplateStatement.Kind {
    switch word {
    case "if": return try conditional(&parser, line: line)
    case "for": return try loop(&parser, line: line)
    case "set": return try assignment(&parser, line: line)
    case "macro": return try macro(&parser, line: line)
    case "generation":
      try parser.expectEnd()
      let (body, end) = try body(of: (word, line), until: ["endgeneration"])
      try end.parser.expectEnd()
      return .group(body)
    case "break", "continue":
      try parser.expectEnd()
      guard loopDepth > 0 else { throw ChatTemplateError(line: line, cause: "\(word) stands outside a loop") }
      return word == "break" ? .breakLoop : .continueLoop
    default:
      throw ChatTemplateError(line: line, cause: "the statement '\(word)' is unknown or has no beginning")
    }
  }

  private mutating func conditional(
    _ parser: inout TemplateExpressionParser, line: Int
  ) throws(ChatTemplateError) -> TemplateStatement.Kind {
    var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
    while true {
      let condition = try parser.expression()
      try parser.expectEnd()
      var (body, end) = try body(of: ("if", line), until: ["elif", "else", "endif"])
      branches.append((condition, body))
      if end.word == "elif" {
        parser = end.parser
        continue
      }
      var otherwise: [TemplateStatement] = []
      if end.word == "else" {
        try end.parser.expectEnd()
        (otherwise, end) = try self.body(of: ("if", line), until: ["endif"])
      }
      try end.parser.expectEnd()
      return .conditional(branches, otherwise: otherwise)
    }
  }

  private mutating func loop(
    _ parser: inout TemplateExpressionParser, line: Int
  ) throws(ChatTemplateError) -> TemplateStatement.Kind {
    let targets = try parser.names()
    try parser.expectWord("in")
    let sequence = try parser.disjunction()
    let condition = parser.takeWord("if") ? try parser.expression() : nil
    try parser.expectEnd()
    loopDepth += 1
    var (body, end) = try body(of: ("for", line), until: ["else", "endfor"])
    loopDepth -= 1
    var otherwise: [TemplateStatement] = []
    if end.word == "else" {
      try end.parser.expectEnd()
      (otherwise, end) = try self.body(of: ("for", line), until: ["endfor"])
    }
    try end.parser.expectEnd()
    return .loop(
      TemplateStatement.Loop(
        targets: targets, sequence: sequence, condition: condition, body: body, otherwise: otherwise))
  }

  private mutating func assignment(
    _ parser: inout TemplateExpressionParser, line: Int
  ) throws(ChatTemplateError) -> TemplateStatement.Kind {
    let names = try parser.names()
    var target = TemplateStatement.Target.names(names)
    if names.count == 1, parser.take(".") { target = .attribute(of: names[0], try parser.name()) }
    if parser.take("=") {
      let value = try parser.expressionList()
      try parser.expectEnd()
      return .assignment(target, value)
    }
    var filters: [(name: String, arguments: TemplateArguments)] = []
    while parser.take("|") { filters.append(try parser.filter()) }
    try parser.expectEnd()
    guard names.count == 1 else { throw ChatTemplateError(line: line, cause: "a block is set to one name only") }
    let (body, end) = try body(of: ("set", line), until: ["endset"])
    try end.parser.expectEnd()
    return .capture(target, body, filters: filters)
  }

  private mutating func macro(
    _ parser: inout TemplateExpressionParser, line: Int
  ) throws(ChatTemplateError) -> TemplateStatement.Kind {
    let name = try parser.name()
    try parser.expect("(")
    var parameters: [(name: String, fallback: TemplateExpression?)] = []
    while !parser.take(")") {
      if !parameters.isEmpty { try parser.expect(",") }
      let parameter = try parser.name()
      parameters.append((parameter, parser.take("=") ? try parser.expression() : nil))
    }
    try parser.expectEnd()
    let outerLoops = loopDepth
    loopDepth = 0
    let (body, end) = try body(of: ("macro", line), until: ["endmacro"])
    loopDepth = outerLoops
    guard end.parser.isAtEnd else {
      var parser = end.parser
      guard try parser.name() == name, parser.isAtEnd else {
        throw parser.error("endmacro must name the macro \(name) or nothing")
      }
      return .macro(TemplateStatement.Macro(name: name, parameters: parameters, body: body))
    }
    return .macro(TemplateStatement.Macro(name: name, parameters: parameters, body: body))
  }
}

import Foundation

/// Runs the statements of a template once.
///
/// Scopes are Jinja's: the body of a loop and of a macro has its own, `if` has none. Every step, every
/// element made and every stretch of text written counts against a limit, so that no template runs away.
final class TemplateInterpreter {
  /// How a statement ends.
  private enum Flow { case next, breakLoop, continueLoop }

  /// Steps a conversation of a million tokens does not reach.
  private static let stepLimit = 5_000_000
  /// A turn of a loop prepares its variables.
  private static let turnSteps = 8
  /// So many bytes of text are one step.
  private static let bytesPerStep = 16
  private static let deepestCall = 24

  private var scopes: [[String: TemplateValue]]
  private var output = ""
  private var steps = 0
  private var callDepth = 0
  private(set) var line = 1
  let now: Date

  init(globals: [String: TemplateValue], now: Date) {
    scopes = [globals, [:]]
    self.now = now
  }

  func render(_ statements: [TemplateStatement]) throws(ChatTemplateError) -> String {
    _ = try run(statements)
    return output
  }

  func error(_ cause: String) -> ChatTemplateError { ChatTemplateError(line: line, cause: cause) }

  /// Counts work; a template that does too much of it is ended.
  func count(_ work: Int = 1) throws(ChatTemplateError) {
    steps += min(work, Self.stepLimit + 1)
    if steps > Self.stepLimit { throw error("it does more than \(Self.stepLimit) steps, as if it never ended") }
  }

  /// Counts the work of making `bytes` of text.
  func count(text bytes: Int) throws(ChatTemplateError) { try count(1 + bytes / Self.bytesPerStep) }

  func text(of value: TemplateValue) throws(ChatTemplateError) -> String {
    guard let text = value.text else { throw error("\(value.kind) cannot be printed") }
    try count(text: text.utf8.count)
    return text
  }

  // MARK: Names

  func value(of name: String) -> TemplateValue {
    for scope in scopes.reversed() { if let value = scope[name] { return value } }
    return Self.functions.contains(name) ? .function(name) : .undefined("'\(name)'")
  }

  private static let functions: Set<String> = ["range", "namespace", "dict", "raise_exception", "strftime_now"]

  private func assign(_ value: TemplateValue, to target: TemplateStatement.Target) throws(ChatTemplateError) {
    switch target {
    case .names(let names): try assign(value, to: names)
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace) = self.value(of: name) else {
        throw error("an attribute can be set only of a namespace, and '\(name)' is \(self.value(of: name).kind)")
      }
      namespace.attributes.set(attribute, to: value)
    }
  }

  private func assign(_ value: TemplateValue, to names: [String]) throws(ChatTemplateError) {
    if names.count == 1 {
      scopes[scopes.count - 1][names[0]] = value
      return
    }
    let parts = try elements(of: value)
    guard parts.count == names.count else {
      throw error("\(parts.count) values cannot be assigned to \(names.count) names")
    }
    for (name, part) in zip(names, parts) { scopes[scopes.count - 1][name] = part }
  }

  // MARK: Statements

  private func run(_ statements: [TemplateStatement]) throws(ChatTemplateError) -> Flow {
    for statement in statements {
      line = statement.line
      try count()
      let flow = try run(statement)
      if flow != .next { return flow }
    }
    return .next
  }

  private func run(_ statement: TemplateStatement) throws(ChatTemplateError) -> Flow {
    switch statement.kind {
    case .text(let text):
      try count(text: text.utf8.count)
      output += text
    case .output(let expression): output += try text(of: try evaluate(expression))
    case .conditional(let branches, let otherwise):
      for branch in branches where try evaluate(branch.condition).isTrue { return try run(branch.body) }
      return try run(otherwise)
    case .loop(let loop): try run(loop)
    case .assignment(let target, let expression): try assign(try evaluate(expression), to: target)
    case .capture(let target, let body, let filters):
      var value = TemplateValue.string(try capture(body, scope: [:]))
      for filter in filters {
        value = try apply(filter: filter.name, to: value, try evaluate(filter.arguments))
      }
      try assign(value, to: target)
    case .macro(let macro):
      let function = TemplateMacro(macro, enclosingScopes: Array(scopes.dropFirst(2)))
      scopes[scopes.count - 1][macro.name] = .macro(function)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    case .group(let body): return try run(body)
    }
    return .next
  }

  /// The text that `body` writes, in a scope of its own.
  private func capture(
    _ body: [TemplateStatement], scope: [String: TemplateValue]
  ) throws(ChatTemplateError) -> String {
    let outer = output
    output = ""
    scopes.append(scope)
    defer {
      scopes.removeLast()
      output = outer
    }
    _ = try run(body)
    return output
  }

  private func run(_ loop: TemplateStatement.Loop) throws(ChatTemplateError) {
    var items = try elements(of: try evaluate(loop.sequence))
    if let condition = loop.condition {
      var kept: [TemplateValue] = []
      for item in items {
        scopes.append([:])
        defer { scopes.removeLast() }
        try assign(item, to: loop.targets)
        if try evaluate(condition).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty {
      _ = try run(loop.otherwise)
      return
    }
    for (index, item) in items.enumerated() {
      try count(Self.turnSteps)
      scopes.append(["loop": Self.loopVariable(index, items)])
      defer { scopes.removeLast() }
      try assign(item, to: loop.targets)
      if try run(loop.body) == .breakLoop { break }
    }
  }

  private static func loopVariable(_ index: Int, _ items: [TemplateValue]) -> TemplateValue {
    var loop = TemplateMapping()
    loop.set("index", to: .integer(index + 1))
    loop.set("index0", to: .integer(index))
    loop.set("revindex", to: .integer(items.count - index))
    loop.set("revindex0", to: .integer(items.count - index - 1))
    loop.set("first", to: .boolean(index == 0))
    loop.set("last", to: .boolean(index == items.count - 1))
    loop.set("length", to: .integer(items.count))
    if index > 0 { loop.set("previtem", to: items[index - 1]) }
    if index + 1 < items.count { loop.set("nextitem", to: items[index + 1]) }
    return .mapping(loop)
  }

  // MARK: Macros

  func call(
    _ macro: TemplateMacro, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> TemplateValue {
    let definition = macro.definition
    guard callDepth < Self.deepestCall else { throw error("the macro \(definition.name) calls itself too deeply") }
    guard arguments.positional.count <= definition.parameters.count else {
      throw error("the macro \(definition.name) takes at most \(definition.parameters.count) arguments")
    }
    for name in arguments.named.map(\.name) where !definition.parameters.contains(where: { $0.name == name }) {
      throw error("the macro \(definition.name) has no parameter '\(name)'")
    }
    callDepth += 1
    // A macro sees the names of the place it is defined in, not those of the place it is called from.
    let callers = scopes
    let callLine = line
    scopes = Array(scopes.prefix(2)) + macro.enclosingScopes + [[:]]
    defer {
      scopes = callers
      line = callLine
      callDepth -= 1
    }
    for (index, parameter) in definition.parameters.enumerated() {
      let value: TemplateValue
      if index < arguments.positional.count {
        value = arguments.positional[index]
      } else if let named = arguments[parameter.name] {
        value = named
      } else if let fallback = parameter.fallback {
        value = try evaluate(fallback)
      } else {
        value = .undefined("'\(parameter.name)'")
      }
      scopes[scopes.count - 1][parameter.name] = value
    }
    return .string(try capture(definition.body, scope: [:]))
  }
}

/// The values of arguments.
struct EvaluatedArguments {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  subscript(name: String) -> TemplateValue? { named.first { $0.name == name }?.value }

  /// The argument at `index` or of `name`.
  subscript(index: Int, name: String) -> TemplateValue? {
    index < positional.count ? positional[index] : self[name]
  }
}

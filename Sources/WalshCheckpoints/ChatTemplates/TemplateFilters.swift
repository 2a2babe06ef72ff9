/// Jinja's filters.
extension TemplateInterpreter {
  func apply(
    filter name: String, to value: TemplateValue, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> TemplateValue {
    switch name {
    case "trim", "upper", "lower", "capitalize", "title", "replace", "safe", "string", "indent", "tojson", "escape",
      "e":
      return .string(try textFilter(name, value, arguments))
    case "default", "d":
      let replacesFalse = arguments[1, "boolean"]?.isTrue ?? false
      let isKept = replacesFalse ? value.isTrue : !value.isUndefined
      return isKept ? value : arguments[0, "default_value"] ?? .string("")
    case "length", "count":
      switch value {
      case .string(let text): return .integer(text.unicodeScalars.count)
      case .undefined: return .integer(0)
      default: return .integer(try elements(of: value).count)
      }
    case "int":
      if let integer = value.integer { return .integer(integer) }
      let number = value.string.flatMap { Double($0.stripped(of: nil, left: true, right: true)) } ?? value.number
      return number.flatMap { Int(exactly: $0.rounded(.towardZero)) }.map { .integer($0) }
        ?? arguments[0, "default"] ?? .integer(0)
    case "float":
      let number = value.string.flatMap { Double($0.stripped(of: nil, left: true, right: true)) } ?? value.number
      return number.map { .float($0) } ?? arguments[0, "default"] ?? .float(0)
    case "abs":
      guard let number = value.number else { throw error("abs takes a number, not \(value.kind)") }
      return number < 0 ? try arithmetic(.subtract, .integer(0), value) : value
    case "items":
      if value.isUndefined { return .list([]) }
      guard case .mapping = value else { throw error("items takes a mapping, not \(value.kind)") }
      return try call(method: "items", of: value, EvaluatedArguments())
    default: return try listFilter(name, try elements(of: value), arguments)
    }
  }

  private func textFilter(
    _ name: String, _ value: TemplateValue, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> String {
    if name == "tojson" { return try json(value, arguments) }
    let text = try self.text(of: value)
    switch name {
    case "trim": return text.stripped(of: arguments[0, "chars"]?.string, left: true, right: true)
    case "replace":
      guard let old = arguments[0, "old"], let new = arguments[1, "new"] else {
        throw error("replace takes what to replace and with what")
      }
      let limit = arguments[2, "count"]?.integer ?? .max
      return try replacing(try self.text(of: old), with: try self.text(of: new), in: text, limit: limit)
    case "indent": return try indented(text, arguments)
    case "title": return text.wordsCapitalized
    case "escape", "e":
      return ["&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&#34;", "'": "&#39;"].escaping(text)
    default: return text.cased(name) ?? text
    }
  }

  private func json(_ value: TemplateValue, _ arguments: EvaluatedArguments) throws(ChatTemplateError) -> String {
    for (name, option) in arguments.named where name != "indent" && (name != "ensure_ascii" || option.isTrue) {
      throw error("tojson has no option '\(name)' here")
    }
    // As in transformers, the first argument without a name would be ensure_ascii.
    guard arguments.positional.isEmpty else { throw error("tojson takes arguments by name only") }
    let indent = arguments["indent"].flatMap(\.integer)
    if let indent, !(0...32).contains(indent) { throw error("tojson indents by 0 to 32 spaces, not \(indent)") }
    guard let text = value.json(indent: indent) else { throw error("\(value.kind) cannot be written as JSON") }
    try count(text: text.utf8.count)
    return text
  }

  private func indented(_ text: String, _ arguments: EvaluatedArguments) throws(ChatTemplateError) -> String {
    let width = arguments[0, "width"] ?? .integer(4)
    let space: String
    if let given = width.string {
      space = given
    } else if let count = width.integer, (0...1000).contains(count) {
      space = String(repeating: " ", count: count)
    } else {
      throw error("indent takes a width from 0 to 1000 or a string")
    }
    let indentsBlank = arguments[2, "blank"]?.isTrue ?? false
    let lines = (text + "\n").lines
    var result: [String] = []
    for (index, line) in lines.enumerated() {
      try count(text: space.utf8.count)
      result.append(index > 0 && (indentsBlank || !line.utf8.isEmpty) ? space + line : line)
    }
    return ((arguments[1, "first"]?.isTrue ?? false) ? space : "") + result.joined(separator: "\n")
  }

  private func listFilter(
    _ name: String, _ elements: [TemplateValue], _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> TemplateValue {
    switch name {
    case "first": return elements.first ?? .undefined("the first element of nothing")
    case "last": return elements.last ?? .undefined("the last element of nothing")
    case "list": return .list(elements)
    case "reverse": return .list(elements.reversed())
    case "join":
      var parts = elements
      if let attribute = arguments[1, "attribute"] { parts = try elements.map(path: attribute, in: self) }
      return .string(try join(parts, separator: try text(of: arguments[0, "d"] ?? .string(""))))
    case "map": return .list(try mapped(elements, arguments))
    case "select", "reject", "selectattr", "rejectattr":
      return .list(
        try selected(elements, byAttribute: name.hasSuffix("attr"), keeps: name.hasPrefix("select"), arguments))
    case "unique":
      var kept: [TemplateValue] = []
      for element in elements {
        try count(kept.count)
        if !kept.contains(where: { TemplateValue.areEqual($0, element) }) { kept.append(element) }
      }
      return .list(kept)
    case "sum":
      var total = TemplateValue.integer(0)
      for element in elements { total = try arithmetic(.add, total, element) }
      return total
    default: throw error("the filter '\(name)' is unknown")
    }
  }

  private func mapped(
    _ elements: [TemplateValue], _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> [TemplateValue] {
    if let attribute = arguments["attribute"] {
      let values = try elements.map(path: attribute, in: self)
      guard let fallback = arguments["default"] else { return values }
      return values.map { $0.isUndefined ? fallback : $0 }
    }
    guard let filter = arguments.positional.first?.string else { throw error("map takes a filter or attribute=") }
    let rest = EvaluatedArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    var results: [TemplateValue] = []
    for element in elements { results.append(try apply(filter: filter, to: element, rest)) }
    return results
  }

  private func selected(
    _ elements: [TemplateValue], byAttribute: Bool, keeps: Bool, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> [TemplateValue] {
    var positional = arguments.positional[...]
    let attribute = byAttribute ? positional.popFirst() : nil
    if byAttribute, attribute == nil { throw error("selectattr and rejectattr take an attribute") }
    let test = positional.popFirst()
    guard test == nil || test?.string != nil else { throw error("the name of a test must be a string") }
    var results: [TemplateValue] = []
    for element in elements {
      var value = element
      if let attribute { value = try self.value(at: attribute, of: element) }
      var holds = value.isTrue
      if let test = test?.string { holds = try self.test(test, of: value, Array(positional)) }
      if holds == keeps { results.append(element) }
    }
    return results
  }

  /// The value at a path such as "function.name" or an index.
  fileprivate func value(at path: TemplateValue, of element: TemplateValue) throws(ChatTemplateError) -> TemplateValue
  {
    guard let text = path.string else { return try item(path, of: element) }
    var value = element
    for name in text.split(at: ".", limit: .max) {
      value = try item(Int(name).map { .integer($0) } ?? .string(name), of: value)
    }
    return value
  }
}

extension [TemplateValue] {
  fileprivate func map(
    path: TemplateValue, in interpreter: TemplateInterpreter
  ) throws(ChatTemplateError) -> [TemplateValue] {
    var values: [TemplateValue] = []
    for element in self { values.append(try interpreter.value(at: path, of: element)) }
    return values
  }
}

extension [Unicode.Scalar: String] {
  fileprivate func escaping(_ text: String) -> String {
    text.unicodeScalars.map { self[$0] ?? String($0) }.joined()
  }
}

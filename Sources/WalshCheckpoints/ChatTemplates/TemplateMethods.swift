import Foundation

/// Methods of strings and mappings, as Python has them.
extension TemplateInterpreter {
  func call(
    method name: String, of value: TemplateValue, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> TemplateValue {
    switch value {
    case .mapping(let mapping): return try call(method: name, of: mapping, arguments)
    case .string(let text):
      try count(text: text.utf8.count)
      return try call(method: name, of: text, arguments)
    default: throw error("\(value.kind) has no method '\(name)'")
    }
  }

  private func call(
    method name: String, of mapping: TemplateMapping, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> TemplateValue {
    switch name {
    case "items": return .list(mapping.members.map { .list([.string($0.key), $0.value]) })
    case "keys": return .list(mapping.members.map { .string($0.key) })
    case "values": return .list(mapping.members.map(\.value))
    case "get":
      guard let key = arguments.positional.first?.string else { throw error("get takes a key") }
      return mapping[key] ?? arguments[1, "default"] ?? .none
    default: throw error("a mapping has no method '\(name)'")
    }
  }

  /// The string argument at `index`; nil when it is absent or none.
  private func string(_ arguments: EvaluatedArguments, _ index: Int, of method: String) throws(ChatTemplateError)
    -> String?
  {
    guard index < arguments.positional.count else { return nil }
    if case .none = arguments.positional[index] { return nil }
    guard let text = arguments.positional[index].string else {
      throw error("\(method) takes strings, not \(arguments.positional[index].kind)")
    }
    return text
  }

  private func call(
    method name: String, of text: String, _ arguments: EvaluatedArguments
  ) throws(ChatTemplateError) -> TemplateValue {
    let first = arguments.positional.first
    func required(_ index: Int) throws(ChatTemplateError) -> String {
      guard let argument = try string(arguments, index, of: name) else {
        throw error("\(name) takes another argument")
      }
      return argument
    }
    switch name {
    case "strip", "lstrip", "rstrip":
      let characters = try string(arguments, 0, of: name)
      return .string(text.stripped(of: characters, left: name != "rstrip", right: name != "lstrip"))
    case "split":
      let limit = arguments[1, "maxsplit"]?.integer ?? -1
      let separator = try string(arguments, 0, of: name)
      if separator == "" { throw error("split takes a separator that is not empty") }
      return .list(text.split(at: separator, limit: limit < 0 ? .max : limit).map { .string($0) })
    case "splitlines": return .list(text.lines.map { .string($0) })
    case "startswith", "endswith":
      var candidates = [first ?? .none]
      if case .list(let several)? = first { candidates = several }
      for candidate in candidates {
        guard let part = candidate.string else { throw error("\(name) takes strings, not \(candidate.kind)") }
        let holds =
          name == "startswith"
          ? text.utf8.starts(with: part.utf8) : text.utf8.reversed().starts(with: part.utf8.reversed())
        if holds { return .boolean(true) }
      }
      return .boolean(false)
    case "replace":
      let limit = arguments[2, "count"]?.integer ?? -1
      return .string(
        try replacing(try required(0), with: try required(1), in: text, limit: limit < 0 ? .max : limit))
    case "join":
      return .string(try join(try elements(of: first ?? .none), separator: text))
    case "find": return .integer(TextSearch(try required(0)).firstScalar(in: text) ?? -1)
    case "count": return .integer(text.split(at: try required(0), limit: .max).count - 1)
    case "isdigit":
      return .boolean(
        !text.utf8.isEmpty
          && text.unicodeScalars.allSatisfy {
            $0.properties.numericType == .decimal || $0.properties.numericType == .digit
          })
    default: return .string(text.cased(name) ?? text)
    }
  }

  func replacing(
    _ part: String, with replacement: String, in text: String, limit: Int
  ) throws(ChatTemplateError) -> String {
    var result: String
    if part.utf8.isEmpty {
      var view = String.UnicodeScalarView()
      var remaining = limit
      for scalar in text.unicodeScalars {
        if remaining > 0 { view.append(contentsOf: replacement.unicodeScalars) }
        remaining -= 1
        view.append(scalar)
      }
      if remaining > 0 { view.append(contentsOf: replacement.unicodeScalars) }
      result = String(view)
    } else {
      let parts = text.split(at: part, limit: limit)
      try count(parts.count)
      let (work, overflows) = (parts.count - 1).multipliedReportingOverflow(by: replacement.utf8.count)
      try count(text: overflows ? .max : work)
      result = parts.joined(separator: replacement)
    }
    try count(text: result.utf8.count)
    return result
  }

  func join(_ parts: [TemplateValue], separator: String) throws(ChatTemplateError) -> String {
    var texts: [String] = []
    for part in parts {
      texts.append(try text(of: part))
      try count(text: separator.utf8.count)
    }
    return texts.joined(separator: separator)
  }
}

import Foundation

/// Names modules of a model: an exact path, a class, or `re:` and a regular expression.
///
/// `Linear` matches every module of that class, `model.layers.0.mlp.up_proj` one module, and `re:.*mlp.gate$` every
/// module whose path the expression matches from its start. `ignore`, `targets` and `--except` use this form.
public struct ModulePattern: Sendable, Equatable {
  /// The pattern as written.
  public let text: String
  private let expression: NSRegularExpression?

  /// The pattern `text`; nil when it begins with `re:` and the rest is no regular expression.
  public init?(_ text: String) {
    self.text = text
    guard text.hasPrefix("re:") else {
      expression = nil
      return
    }
    guard let expression = try? NSRegularExpression(pattern: String(text.dropFirst(3))) else { return nil }
    self.expression = expression
  }

  /// A pattern for exactly this path or class, whatever its characters.
  public init(exactly name: String) {
    text = name
    expression = nil
  }

  /// How a pattern matches, the more particular kind first.
  enum Match: Int, Comparable {
    case path, expression, className
    static func < (a: Match, b: Match) -> Bool { a.rawValue < b.rawValue }
  }

  /// Whether and how the module at `path`, of the class `className`, is meant.
  func match(_ path: String, className: String) -> Match? {
    guard let expression else {
      return text == path ? .path : text == className ? .className : nil
    }
    let range = NSRange(path.startIndex..., in: path)
    return expression.firstMatch(in: path, options: .anchored, range: range) == nil ? nil : .expression
  }

  /// Whether the module at `path`, of the class `className`, is meant.
  public func matches(_ path: String, className: String = "Linear") -> Bool {
    match(path, className: className) != nil
  }

  /// Patterns are equal when they are written alike.
  public static func == (a: ModulePattern, b: ModulePattern) -> Bool { a.text == b.text }
}

extension ConfigurationFields {
  /// The patterns of the list `key`.
  func patterns(_ key: String) throws(CheckpointError) -> [ModulePattern]? {
    guard let texts = try texts(key) else { return nil }
    var patterns: [ModulePattern] = []
    for text in texts {
      guard let pattern = ModulePattern(text) else {
        throw error(key, "holds \"\(text)\", which is no regular expression")
      }
      patterns.append(pattern)
    }
    return patterns
  }
}

extension JSON {
  init(_ patterns: [ModulePattern]) { self = .array(patterns.map { .string($0.text) }) }
}

import Foundation
import Yams

/// A value in a recipe file, with the file and the key for errors.
struct RecipeNode {
  private let node: Node
  private let file: String
  private let key: String

  private init(_ node: Node, file: String, key: String) {
    self.node = node
    self.file = file
    self.key = key
  }

  /// The root of a YAML document.
  ///
  /// Anchors and deep nesting are refused before the parser sees them: a few lines of aliases can stand for gigabytes.
  init(parsing text: String, named file: String) throws(QuantizationError) {
    self.init(Node(""), file: file, key: "")
    guard text.utf8.count <= 1 << 16 else { throw QuantizationError(file, "a recipe has at most 64 kB.") }
    try Self.checkShape(of: text, file)
    do {
      guard let root = try Parser(yaml: text).singleRoot() else {
        throw QuantizationError(file, "the recipe is empty; add a line such as to: MXFP4.")
      }
      self.init(root, file: file, key: "")
    } catch let error as QuantizationError {
      throw error
    } catch {
      throw QuantizationError(file, "the recipe is not YAML: \(Self.sentence(error))")
    }
  }

  /// The parser's problem on one line.
  private static func sentence(_ error: any Error) -> String {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      "\(problem) in line \(mark.line)."
    case .reader(let problem, _, _, _): "\(problem)."
    case .duplicatedKeysInMapping(let keys, _):
      "the key \(keys.first.map { "\($0)" } ?? "") is given twice."
    default: "it cannot be understood."
    }
  }

  /// Refuses anchors, aliases and deep nesting line by line.
  private static func checkShape(of text: String, _ file: String) throws(QuantizationError) {
    var depth = 0
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      var previous: Character = " "
      for character in line {
        if character == "#", previous.isWhitespace { break }
        if character == "&" || character == "*", previous.isWhitespace || "[{,:-?".contains(previous) {
          throw QuantizationError(file, "line \(number + 1) has an anchor or an alias, which recipes do not use.")
        }
        if "[{".contains(character) { depth += 1 }
        if "]}".contains(character) { depth -= 1 }
        previous = character
      }
      // Blocks nest by indentation and by indicators in front of a line's text.
      if depth > 16 || line.prefix(while: { " \t-?:".contains($0) }).count > 40 {
        throw QuantizationError(file, "line \(number + 1) is nested deeper than any recipe.")
      }
    }
  }

  private func error(_ cause: String) -> QuantizationError {
    QuantizationError(key.isEmpty ? file : "\(file), \(key)", cause)
  }

  // MARK: Values

  /// The members of a mapping.
  ///
  /// - Parameter known: the keys that may be there; nil for any.
  func members(_ known: [String]? = nil) throws(QuantizationError) -> [String: RecipeNode] {
    guard case .mapping(let mapping) = node else { throw error("there must be keys with values here, key: value.") }
    var members: [String: RecipeNode] = [:]
    for (name, value) in mapping {
      guard case .scalar(let scalar) = name else { throw error("every key must be a word.") }
      let member = RecipeNode(value, file: file, key: key.isEmpty ? scalar.string : "\(key).\(scalar.string)")
      if let known, !known.contains(scalar.string) {
        throw member.error("there is no such key; use \(known.joined(separator: ", ")).")
      }
      guard members.updateValue(member, forKey: scalar.string) == nil else {
        throw member.error("the key is given twice.")
      }
    }
    return members
  }

  /// The elements of a sequence.
  func elements() throws(QuantizationError) -> [RecipeNode] {
    guard case .sequence(let sequence) = node else { throw error("there must be a list here, such as [lm_head].") }
    return sequence.enumerated().map { RecipeNode($1, file: file, key: "\(key)[\($0)]") }
  }

  /// A text that is not empty.
  func text() throws(QuantizationError) -> String {
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else { throw error("there must be a word here.") }
    return scalar.string
  }

  /// `true` or `false`.
  func flag() throws(QuantizationError) -> Bool {
    switch try text() {
    case "true": true
    case "false": false
    case let other: throw error("\(other) is neither true nor false.")
    }
  }

  /// A whole number.
  func integer(in range: ClosedRange<Int>) throws(QuantizationError) -> Int {
    let text = try text()
    guard let value = Int(text), range.contains(value) else {
      throw error("\(text) is no whole number from \(range.lowerBound) to \(range.upperBound).")
    }
    return value
  }

  /// A number; neither NaN nor infinite.
  func number(in range: ClosedRange<Double>) throws(QuantizationError) -> Double {
    let text = try text()
    guard let value = Double(text), range.contains(value) else {
      throw error("\(text) is no number from \(range.lowerBound) to \(range.upperBound).")
    }
    return value
  }

  /// One of the values of a type by its name.
  func choice<Choice: RawRepresentable<String> & CaseIterable>() throws(QuantizationError) -> Choice {
    try named(Choice.allCases.map(\.rawValue)) { Choice(rawValue: $0) }
  }

  /// What `make` makes of a name.
  ///
  /// - Parameters:
  ///   - known: names for the error.
  ///   - make: nil for an unknown name.
  func named<Value>(_ known: [String], _ make: (String) -> Value?) throws(QuantizationError) -> Value {
    let name = try text()
    guard let value = make(name) else {
      throw error("there is no \(name); use \(known.joined(separator: ", ")).")
    }
    return value
  }
}

import Foundation
import Yams

/// A value in a configuration file, with the file and the key for errors.
struct ConfigurationNode {
  private let node: Node
  private let file: String
  private let key: String

  private init(_ node: Node, file: String, key: String) {
    self.node = node
    self.file = file
    self.key = key
  }

  /// The root of a YAML document.
  init(parsing text: String, named file: String) throws(TrainingError) {
    // A few lines of aliases can stand for gigabytes, so neither they nor large files reach the parser.
    guard text.utf8.count <= 1 << 16 else { throw TrainingError(file, "a configuration has at most 64 kB.") }
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    where line.firstMatch(of: /(^|[\s\[{,:\-])[&*]\S/) != nil || line.count(where: { "[{".contains($0) }) > 100 {
      throw TrainingError(file, "line \(number + 1) has an anchor or an alias, which configurations do not use.")
    }
    let root: Node?
    do { root = try Parser(yaml: text).singleRoot() } catch {
      throw TrainingError(file, "the configuration is not YAML: \(Self.sentence(error))")
    }
    guard let root else { throw TrainingError(file, "the configuration is empty; add a line such as text: [FILE].") }
    self.init(root, file: file, key: "")
  }

  /// The parser's problem on one line.
  private static func sentence(_ error: any Error) -> String {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      "\(problem) in line \(mark.line)."
    case .duplicatedKeysInMapping(let keys, _): "the key \(keys.first.map { "\($0)" } ?? "") is given twice."
    default: "it cannot be understood."
    }
  }

  func error(_ cause: String) -> TrainingError { TrainingError(key.isEmpty ? file : "\(file), \(key)", cause) }

  // MARK: Values

  /// Reads a mapping into `value`: every key that is there goes to its reader.
  ///
  /// - Throws: `TrainingError` for a key without a reader; what readers throw.
  func read<Value>(
    into value: inout Value, _ readers: KeyValuePairs<String, (inout Value, ConfigurationNode) throws -> Void>
  ) throws {
    guard case .mapping(let mapping) = node else { throw error("there must be keys with values here, key: value.") }
    var seen: Set<String> = []
    for (name, node) in mapping {
      guard case .scalar(let scalar) = name else { throw error("every key must be a word.") }
      let member = ConfigurationNode(node, file: file, key: key.isEmpty ? scalar.string : "\(key).\(scalar.string)")
      guard let reader = readers.first(where: { $0.key == scalar.string }) else {
        throw member.error("there is no such key; use \(readers.map(\.key).joined(separator: ", ")).")
      }
      guard seen.insert(scalar.string).inserted else { throw member.error("the key is given twice.") }
      try reader.value(&value, member)
    }
  }

  /// The elements of a sequence.
  func elements() throws(TrainingError) -> [ConfigurationNode] {
    guard case .sequence(let sequence) = node else { throw error("there must be a list here, such as [a, b].") }
    return sequence.enumerated().map { ConfigurationNode($1, file: file, key: "\(key)[\($0)]") }
  }

  /// A text that is not empty.
  func text() throws(TrainingError) -> String {
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else { throw error("there must be a word here.") }
    return scalar.string
  }

  /// The texts of a list; a single text counts as a list of one.
  func texts() throws(TrainingError) -> [String] {
    if case .scalar = node { return [try text()] }
    return try elements().map { element throws(TrainingError) in try element.text() }
  }

  /// `true` or `false`.
  func flag() throws(TrainingError) -> Bool {
    switch try text() {
    case "true": true
    case "false": false
    case let other: throw error("\(other) is neither true nor false.")
    }
  }

  /// A whole number that is not negative.
  func integer() throws(TrainingError) -> Int {
    let text = try text()
    guard let value = Int(text), value >= 0 else { throw error("\(text) is no whole number from 0.") }
    return value
  }

  /// A number; neither NaN nor infinite.
  func number() throws(TrainingError) -> Double {
    let text = try text()
    guard let value = Double(text), value.isFinite else { throw error("\(text) is no number.") }
    return value
  }

  /// One of the values of a type by its name.
  func choice<Choice: RawRepresentable<String> & CaseIterable>() throws(TrainingError) -> Choice {
    let name = try text()
    guard let value = Choice(rawValue: name) else {
      throw error("there is no \(name); use \(Choice.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
    return value
  }
}

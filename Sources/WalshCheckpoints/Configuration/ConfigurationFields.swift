import Foundation

/// Typed access to the fields of a JSON object in a configuration file.
///
/// A field that is absent or `null` has its default; a field of the wrong kind or outside its range is an error that
/// names the file, the field and what it should be.
struct ConfigurationFields {
  private let file: URL
  /// Where the object stands in the file, such as `rope_scaling.`; empty at the top.
  private let path: String
  let object: JSONObject

  init(_ object: JSONObject, file: URL, path: String = "") {
    self.object = object
    self.file = file
    self.path = path
  }

  /// The error "`key` …".
  func error(_ key: String, _ cause: String) -> CheckpointError {
    CheckpointError(file, "\(path)\(key) \(cause).")
  }

  /// The value of `key`; nil when it is absent or null.
  func value(_ key: String) -> JSON? {
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws(CheckpointError) -> Int? {
    guard let value = value(key) else { return nil }
    guard let integer = value.intValue, range.contains(integer) else {
      throw error(
        key, "is \(Self.shown(value)); it must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  func requiredInteger(_ key: String, in range: ClosedRange<Int>) throws(CheckpointError) -> Int {
    guard let integer = try integer(key, in: range) else { throw error(key, "is missing") }
    return integer
  }

  func number(_ key: String, in range: ClosedRange<Double>) throws(CheckpointError) -> Double? {
    guard let value = value(key) else { return nil }
    guard let number = value.doubleValue, range.contains(number) else {
      throw error(key, "is \(Self.shown(value)); it must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A token number, or a list of them.
  func tokens(_ key: String) throws(CheckpointError) -> [Int]? {
    guard let value = value(key) else { return nil }
    let tokens = (value.arrayValue ?? [value]).map(\.intValue)
    guard tokens.allSatisfy({ ($0 ?? -1) >= 0 }) else {
      throw error(key, "must be a token number or a list of them")
    }
    return tokens.compactMap(\.self)
  }

  func flag(_ key: String) throws(CheckpointError) -> Bool? {
    guard let value = value(key) else { return nil }
    guard let flag = value.boolValue else { throw error(key, "is \(Self.shown(value)); it must be true or false") }
    return flag
  }

  func text(_ key: String) throws(CheckpointError) -> String? {
    guard let value = value(key) else { return nil }
    guard let text = value.stringValue else { throw error(key, "is \(value.kind); it must be text") }
    return text
  }

  /// The texts of a list; a single text counts as a list of one.
  func texts(_ key: String) throws(CheckpointError) -> [String]? {
    guard let value = value(key) else { return nil }
    if let text = value.stringValue { return [text] }
    let texts = value.arrayValue?.map(\.stringValue)
    guard let texts, !texts.contains(nil) else { throw error(key, "must be a list of text") }
    return texts.compactMap(\.self)
  }

  func list(_ key: String) throws(CheckpointError) -> [JSON]? {
    guard let value = value(key) else { return nil }
    guard let list = value.arrayValue else { throw error(key, "is \(value.kind); it must be a list") }
    return list
  }

  /// The fields of the object under `key`.
  func nested(_ key: String) throws(CheckpointError) -> ConfigurationFields? {
    guard let value = value(key) else { return nil }
    return try nested(value, named: key)
  }

  /// The fields of `value`, an object that errors call `name`.
  func nested(_ value: JSON, named name: String) throws(CheckpointError) -> ConfigurationFields {
    guard let object = value.objectValue else { throw error(name, "is \(value.kind); it must be an object") }
    return ConfigurationFields(object, file: file, path: "\(path)\(name).")
  }

  /// A choice among named values.
  func choice<T>(_ key: String, of choices: KeyValuePairs<String, T>) throws(CheckpointError) -> T? {
    guard let text = try text(key) else { return nil }
    guard let match = choices.first(where: { $0.key == text }) else {
      let known = choices.map(\.key).joined(separator: ", ")
      throw error(key, "is \"\(text)\"; supported are \(known)")
    }
    return match.value
  }

  /// A value as a message shows it: short ones literally, long ones by their kind.
  private static func shown(_ value: JSON) -> String {
    switch value {
    case .array, .object: value.kind
    default: String(String(decoding: value.serialized(), as: UTF8.self).prefix(40))
    }
  }
}

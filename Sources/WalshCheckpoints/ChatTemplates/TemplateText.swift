import Foundation

/// Values as text: what `{{ }}` prints, and `tojson`.
extension TemplateValue {
  /// Python's `str()`; nil for what has no sensible text, such as a function.
  var text: String? {
    switch self {
    case .undefined: ""
    case .string(let text): text
    default: representation
    }
  }

  /// Python's `repr()`.
  private var representation: String? {
    switch self {
    case .none: return "None"
    case .boolean(let flag): return flag ? "True" : "False"
    case .integer(let value): return String(value)
    case .float(let value): return Self.text(of: value)
    case .string(let text): return Self.quoted(text)
    case .list(let elements):
      var parts: [String] = []
      for element in elements {
        guard let part = element.representation else { return nil }
        parts.append(part)
      }
      return "[" + parts.joined(separator: ", ") + "]"
    case .mapping(let mapping):
      var parts: [String] = []
      for (key, value) in mapping.members {
        guard let part = value.representation else { return nil }
        parts.append(Self.quoted(key) + ": " + part)
      }
      return "{" + parts.joined(separator: ", ") + "}"
    case .undefined: return "Undefined"
    case .namespace, .macro, .function, .method: return nil
    }
  }

  /// Python writes whole numbers below 1e16 without an exponent.
  private static func text(of value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e16, value != 0 || value.sign == .plus {
      return "\(Int(value)).0"
    }
    return "\(value)"
  }

  /// Python's quotes: single ones, unless the text has those and no double ones.
  private static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var result = String.UnicodeScalarView([quote])
    for scalar in scalars {
      switch scalar {
      case quote, "\\":
        result.append("\\")
        result.append(scalar)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      default:
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
          .spaceSeparator:
          result.append(contentsOf: (scalar == " " ? " " : escape(scalar)).unicodeScalars)
        default: result.append(scalar)
        }
      }
    }
    result.append(quote)
    return String(result)
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let width = scalar.value < 0x100 ? 2 : scalar.value < 0x10000 ? 4 : 8
    let letter = scalar.value < 0x100 ? "x" : scalar.value < 0x10000 ? "u" : "U"
    return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
  }

  /// Python's `json.dumps(ensure_ascii=False)`: ", " and ": " between, or a line for each element.
  /// nil for values JSON does not have.
  func json(indent: Int?, depth: Int = 0) -> String? {
    func list(_ open: String, _ parts: [String], _ close: String) -> String {
      guard let indent, !parts.isEmpty else { return open + parts.joined(separator: ", ") + close }
      let inner = "\n" + String(repeating: " ", count: indent * (depth + 1))
      let outer = "\n" + String(repeating: " ", count: indent * depth)
      return open + inner + parts.joined(separator: "," + inner) + outer + close
    }
    switch self {
    case .none: return "null"
    case .boolean(let flag): return flag ? "true" : "false"
    case .integer, .float: return text
    case .string(let text): return Self.jsonString(text)
    case .list(let elements):
      var parts: [String] = []
      for element in elements {
        guard let part = element.json(indent: indent, depth: depth + 1) else { return nil }
        parts.append(part)
      }
      return list("[", parts, "]")
    case .mapping(let mapping):
      var parts: [String] = []
      for (key, value) in mapping.members {
        guard let part = value.json(indent: indent, depth: depth + 1) else { return nil }
        parts.append(Self.jsonString(key) + ": " + part)
      }
      return list("{", parts, "}")
    case .undefined, .namespace, .macro, .function, .method: return nil
    }
  }

  private static func jsonString(_ text: String) -> String {
    var result = String.UnicodeScalarView(["\""])
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        result.append("\\")
        result.append(scalar)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      case "\u{8}": result.append(contentsOf: "\\b".unicodeScalars)
      case "\u{C}": result.append(contentsOf: "\\f".unicodeScalars)
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars)
      default: result.append(scalar)
      }
    }
    result.append("\"")
    return String(result)
  }
}

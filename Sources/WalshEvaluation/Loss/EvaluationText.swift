import Foundation
import WalshCheckpoints

/// The text that a model is scored on: one document or many.
public struct EvaluationText: Sendable, Equatable {
  /// What errors call the text: a path, or a name.
  public let name: String
  /// The documents in order.
  public let documents: [String]

  public init(name: String = "text", documents: [String]) {
    self.name = name
    self.documents = documents
  }

  /// Reads a file: `.json` is an array of strings, one for each document; anything else is one document of UTF-8.
  ///
  /// - Throws: `EvaluationError` when the file cannot be read, is not UTF-8, or is JSON of another kind.
  public init(contentsOf url: URL) throws(EvaluationError) {
    name = url.path(percentEncoded: false)
    let bytes: Data
    do { bytes = try Data(contentsOf: url) } catch {
      throw EvaluationError(url, "it cannot be read; check the path.")
    }
    guard url.pathExtension.lowercased() == "json" else {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw EvaluationError(url, "it is not UTF-8 text; convert it first.")
      }
      documents = [text]
      return
    }
    documents = try JSON.array(in: bytes, of: url).enumerated().map { (index, value) throws(EvaluationError) in
      guard let text = value.stringValue else {
        throw EvaluationError(url, "element \(index) is \(value.kind); a text is an array of strings.")
      }
      return text
    }
  }

  /// The first `count` documents, or all when there are fewer.
  public func prefix(_ count: Int) -> EvaluationText {
    EvaluationText(name: name, documents: Array(documents.prefix(count)))
  }
}

extension JSON {
  /// The elements of the JSON array in `bytes`, which are the contents of `url`.
  static func array(in bytes: Data, of url: URL) throws(EvaluationError) -> [JSON] {
    let parsed = bytes.withUnsafeBytes { buffer in
      Result { () throws(JSONError) in try JSON(parsing: buffer) }
    }
    switch parsed {
    case .success(.array(let elements)): return elements
    case .success(let other): throw EvaluationError(url, "it holds \(other.kind), not an array.")
    case .failure(let error): throw EvaluationError(url, error.description)
    }
  }
}

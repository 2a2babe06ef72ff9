import Foundation
import WalshCheckpoints

/// The documents that a model learns from.
public struct TrainingText: Sendable, Equatable {
  /// The documents in the order of files and lines; none is empty.
  public let documents: [String]

  public init(documents: [String]) { self.documents = documents }

  /// Reads files: `.jsonl` has an object or a text in every line, `.json` is an array of those, and anything else is one
  /// document of UTF-8.
  ///
  /// An object is a document in its member `text`, or an instruction: `instruction` (or `prompt`), `input` and `output`
  /// (or `response`, `answer`), those that are there joined by blank lines.
  ///
  /// - Throws: `TrainingError` naming file and line when a file cannot be read, holds something else, or all are empty.
  public init(contentsOf urls: [URL]) throws(TrainingError) {
    var documents: [String] = []
    for url in urls { documents += try Self.documents(of: url) }
    documents.removeAll { $0.isEmpty }
    guard !documents.isEmpty else {
      let names = urls.map(\.lastPathComponent).joined(separator: ", ")
      throw TrainingError(names.isEmpty ? "text" : names, "there is no text to learn from; give a file with text.")
    }
    self.documents = documents
  }

  private static func documents(of url: URL) throws(TrainingError) -> [String] {
    guard let bytes = try? [UInt8](Data(contentsOf: url)) else {
      throw TrainingError(url, "the text cannot be read; check its name and permissions.")
    }
    switch url.pathExtension.lowercased() {
    case "json":
      guard let entries = try json(bytes, "\(url.lastPathComponent)").arrayValue else {
        throw TrainingError(url, "a text that ends in .json must be an array of texts or objects.")
      }
      return try entries.enumerated().map { (i, entry) throws(TrainingError) in
        try document(entry, "\(url.lastPathComponent), element \(i)")
      }
    case "jsonl":
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
      return try lines.filter { !$1.allSatisfy { $0 == 0x20 || $0 == 0x0D } }.map { (i, line) throws(TrainingError) in
        let place = "\(url.lastPathComponent), line \(i + 1)"
        return try document(json(Array(line), place), place)
      }
    default:
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw TrainingError(url, "the text is not UTF-8; convert it first.")
      }
      return [text]
    }
  }

  private static func json(_ bytes: [UInt8], _ place: String) throws(TrainingError) -> JSON {
    do { return try JSON(parsing: bytes) } catch { throw TrainingError(place, "this is not JSON: \(error)") }
  }

  /// The text of an entry.
  private static func document(_ entry: JSON, _ place: String) throws(TrainingError) -> String {
    if let text = entry.stringValue ?? entry["text"]?.stringValue { return text }
    let parts = [["instruction", "prompt"], ["input"], ["output", "response", "answer"]].compactMap { names in
      names.lazy.compactMap { entry[$0]?.stringValue }.first
    }
    guard parts.count > 1 else {
      throw TrainingError(
        place, "there is neither a text nor an object with text, or with instruction and output, here.")
    }
    return parts.filter { !$0.isEmpty }.joined(separator: "\n\n")
  }
}

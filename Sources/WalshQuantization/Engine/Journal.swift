import Foundation
import WalshCheckpoints

/// The record of a run in its working folder: a line for what was asked, then a line for each finished shard.
///
/// A line is written and flushed only after its shard has its final name, so whatever interrupts the run, the journal
/// never promises more than the folder holds. A last line cut short is ignored.
struct Journal {
  /// A finished shard.
  struct Entry: Equatable {
    /// The file's name.
    let file: String
    /// Its size.
    let byteCount: Int
    /// Its checksum.
    let checksum: String
    /// The errors of its layers.
    let layers: [LayerReport]
  }

  private let url: URL
  /// The finished shards in order.
  private(set) var entries: [Entry]

  /// The name of the file in the working folder.
  static let fileName = "walsh-journal.jsonl"

  /// Begins a journal in an empty working folder.
  init(startingIn folder: URL, request: String) throws {
    url = folder.appending(path: Self.fileName)
    entries = []
    try append(.object(["request": .string(request)]))
  }

  /// Continues the journal in `folder`.
  ///
  /// - Throws: `QuantizationError` when it records another request than `request`, or a shard that is not what it was.
  init(resumingIn folder: URL, request: String) throws {
    url = folder.appending(path: Self.fileName)
    let bytes = try [UInt8](Data(contentsOf: url))
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true)
    // Only a line that ends was written whole.
    let complete = bytes.last == UInt8(ascii: "\n") ? lines[...] : lines.dropLast()
    let records = try complete.map { line in
      guard let record = try? JSON(parsing: Array(line)) else {
        throw QuantizationError(folder.path, "its journal is damaged; delete the folder and start again.")
      }
      return record
    }
    guard let first = records.first, first["request"]?.stringValue == request else {
      throw QuantizationError(
        folder.path,
        "it holds an unfinished run with other settings, another model or other calibration text; use those again, or delete it.")
    }
    entries = records.dropFirst().compactMap(Entry.init)
    if complete.count != lines.count { try rewrite(records) }
    for entry in entries {
      let shard = folder.appending(path: entry.file)
      guard let found = try? Entry.measure(shard), found == (entry.byteCount, entry.checksum) else {
        throw QuantizationError(
          shard.path, "the file is not the one this run wrote; delete the working folder and start again.")
      }
    }
  }

  /// Records the finished shard `file`.
  mutating func add(_ file: String, in folder: URL, layers: [LayerReport]) throws {
    let (byteCount, checksum) = try Entry.measure(folder.appending(path: file))
    let entry = Entry(file: file, byteCount: byteCount, checksum: checksum, layers: layers)
    try append(entry.json)
    entries.append(entry)
  }

  private func append(_ record: JSON) throws {
    if !FileManager.default.fileExists(atPath: url.path) {
      FileManager.default.createFile(atPath: url.path, contents: nil)
    }
    let file = try FileHandle(forWritingTo: url)
    defer { try? file.close() }
    try file.seekToEnd()
    try file.write(contentsOf: Data(record.serialized(pretty: false) + [UInt8(ascii: "\n")]))
    try file.synchronize()
  }

  private func rewrite(_ records: [JSON]) throws {
    let lines = records.flatMap { $0.serialized(pretty: false) + [UInt8(ascii: "\n")] }
    try DurableFile.write(lines, to: url)
  }
}

extension Journal.Entry {
  /// The size and checksum of a file.
  static func measure(_ url: URL) throws -> (Int, String) {
    let file = try MappedFile(url)
    var fingerprint = Fingerprint()
    file.withUnsafeBytes { fingerprint.add($0) }
    file.release(0..<file.count)
    return (file.count, fingerprint.description)
  }

  /// One line of the journal.
  var json: JSON {
    .object([
      "file": .string(file), "bytes": .number(JSONNumber(byteCount)), "checksum": .string(checksum),
      "layers": .array(
        layers.map { layer in
          .object([
            "path": .string(layer.path), "role": .string(layer.role), "format": .string(layer.format),
            "weightError": .number(JSONNumber(layer.weightError)),
            "outputError": layer.outputError.map { .number(JSONNumber($0)) } ?? .null,
          ])
        }),
    ])
  }

  /// Reads one line; nil when it is none of this kind.
  init?(_ json: JSON) {
    guard let file = json["file"]?.stringValue, let byteCount = json["bytes"]?.intValue,
      let checksum = json["checksum"]?.stringValue, let layers = json["layers"]?.arrayValue
    else { return nil }
    self.file = file
    self.byteCount = byteCount
    self.checksum = checksum
    self.layers = layers.compactMap { layer in
      guard let path = layer["path"]?.stringValue, let role = layer["role"]?.stringValue,
        let format = layer["format"]?.stringValue, let weightError = layer["weightError"]?.doubleValue
      else { return nil }
      return LayerReport(
        path: path, role: role, format: format, weightError: weightError,
        outputError: layer["outputError"]?.doubleValue)
    }
  }
}

import Foundation
import WalshCheckpoints

/// The record of a run in its working folder: a line for what was asked, a line for each saved state of the plan's
/// preparation, then a line for each finished shard.
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
    /// How the block's calibration went; nil where there was none.
    var calibration: CalibrationReport?
  }

  private let url: URL
  private var folder: URL { url.deletingLastPathComponent() }
  /// The last saved state of the preparation; its file is in the journal's folder.
  private var preparation: Entry?
  /// The finished shards in order.
  private(set) var entries: [Entry] = []

  /// Opens the journal in `folder`, or begins one.
  ///
  /// - Parameters:
  ///   - folder: where the journal is.
  ///   - shards: the folder of the shards.
  ///   - request: what the run does; a journal of another request is refused.
  /// - Throws: `QuantizationError` when the journal records another request, or a shard is not what it was.
  init(in folder: URL, of shards: URL, request: String) throws {
    url = folder.appending(path: "shards.jsonl")
    guard FileManager.default.fileExists(atPath: url.path) else {
      try append(.object(["request": .string(request)]))
      return
    }
    let bytes = try [UInt8](Data(contentsOf: url))
    // Only a line that ends was written whole.
    let whole = bytes[..<(bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)]
    let records = try whole.split(separator: UInt8(ascii: "\n")).map { line in
      guard let record = try? JSON(parsing: Array(line)) else {
        throw QuantizationError(shards.path, "its journal is damaged; delete the folder and start again.")
      }
      return record
    }
    if whole.count != bytes.count { try DurableFile.write(Array(whole), to: url) }
    guard let first = records.first else {
      try append(.object(["request": .string(request)]))
      return
    }
    guard first["request"]?.stringValue == request else {
      throw QuantizationError(
        shards.path,
        "it holds an unfinished run of another model, request or calibration text; use those again, or pass --force.")
    }
    entries = records.dropFirst().compactMap(Entry.init)
    preparation = records.compactMap { $0["preparation"].flatMap(Entry.init) }.last
    if let preparation, !preparation.describesFile(in: folder) {
      throw QuantizationError(
        shards.path, "what the interrupted run had learned is damaged; pass --force to start anew.")
    }
    for entry in entries {
      if !entry.describesFile(in: shards) {
        throw QuantizationError(
          shards.appending(path: entry.file).path,
          "it is not the file that the interrupted run wrote; pass --force to start anew.")
      }
    }
  }

  /// Records the finished shard `file`.
  mutating func add(
    _ file: String, in folder: URL, layers: [LayerReport], calibration: CalibrationReport? = nil
  ) throws {
    let (byteCount, checksum) = try Entry.measure(folder.appending(path: file))
    let entry = Entry(file: file, byteCount: byteCount, checksum: checksum, layers: layers, calibration: calibration)
    try append(entry.json)
    entries.append(entry)
  }

  /// The last saved state of the preparation; nil when there is none.
  func preparationState() throws -> PreparationState? {
    try preparation.map { try PreparationState(contentsOf: folder.appending(path: $0.file)) }
  }

  /// Saves a state of the preparation, which takes the place of the one before.
  mutating func save(_ state: PreparationState) throws {
    let before = preparation?.file
    let file = "preparation-\(state.stepsDone).safetensors"
    if file == before { return }
    try state.write(to: folder.appending(path: file))
    let (byteCount, checksum) = try Entry.measure(folder.appending(path: file))
    let entry = Entry(file: file, byteCount: byteCount, checksum: checksum, layers: [])
    try append(.object(["preparation": entry.json]))
    preparation = entry
    if let before { try? FileManager.default.removeItem(at: folder.appending(path: before)) }
  }

  private func append(_ record: JSON) throws {
    if !FileManager.default.fileExists(atPath: url.path) {
      try DurableFile.write([], to: url)
    }
    let file = try FileHandle(forWritingTo: url)
    defer { try? file.close() }
    try file.seekToEnd()
    try file.write(contentsOf: Data(record.serialized(pretty: false) + [UInt8(ascii: "\n")]))
    try file.synchronize()
  }
}

extension Journal.Entry {
  /// The size and checksum of a file.
  static func measure(_ url: URL) throws -> (Int, String) {
    let file = try MappedFile(url)
    var fingerprint = Fingerprint()
    file.withUnsafeBytes(0..<file.count) { fingerprint.add($0) }
    file.release(0..<file.count)
    return (file.count, fingerprint.description)
  }

  /// Whether the file in `folder` has this size and checksum; false when there is none.
  fileprivate func describesFile(in folder: URL) -> Bool {
    guard let found = try? Self.measure(folder.appending(path: file)) else { return false }
    return found == (byteCount, checksum)
  }

  /// One line of the journal.
  var json: JSON {
    var object: JSONObject = [
      "file": .string(file), "bytes": .number(JSONNumber(byteCount)), "checksum": .string(checksum),
      "layers": .array(layers.map(\.json)),
    ]
    if let calibration {
      object["calibration"] = .object([
        "layer": .number(JSONNumber(calibration.layer)), "firstLoss": .number(JSONNumber(calibration.firstLoss)),
        "lastLoss": .number(JSONNumber(calibration.lastLoss)),
        "heldValues": .number(JSONNumber(calibration.heldValues)),
      ])
    }
    return .object(object)
  }

  /// Reads one line; nil when it is none of this kind.
  init?(_ json: JSON) {
    guard let file = json["file"]?.stringValue, let byteCount = json["bytes"]?.intValue,
      let checksum = json["checksum"]?.stringValue, let layers = json["layers"]?.arrayValue
    else { return nil }
    self.file = file
    self.byteCount = byteCount
    self.checksum = checksum
    self.layers = layers.compactMap(LayerReport.init(json:))
    if let report = json["calibration"], let layer = report["layer"]?.intValue,
      let firstLoss = report["firstLoss"]?.doubleValue, let lastLoss = report["lastLoss"]?.doubleValue,
      let heldValues = report["heldValues"]?.intValue
    {
      calibration = CalibrationReport(
        layer: layer, firstLoss: firstLoss, lastLoss: lastLoss, heldValues: heldValues)
    }
  }
}

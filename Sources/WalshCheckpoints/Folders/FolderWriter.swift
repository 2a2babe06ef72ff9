import Foundation

/// Builds a model folder that appears under its name only when it is whole.
///
/// Everything is written into the sibling `.<name>.partial`, which `finish` renames. An interrupted run leaves that
/// folder behind; a writer that resumes it finds the finished shards and the journal there.
public final class FolderWriter {
  /// Where the finished folder will be.
  public let destination: URL
  /// Where it is built.
  public let workingFolder: URL
  /// A folder inside `workingFolder` for what only an interrupted run needs; it is not part of the result.
  public var journalFolder: URL { workingFolder.appending(path: ".journal", directoryHint: .isDirectory) }

  private let source: URL
  private let replaces: Bool
  private let lock: Int32

  /// What to do with folders that are there already.
  public enum Existing: Sendable {
    /// Refuse a finished folder and an unfinished one.
    case refuse
    /// Continue the unfinished folder, if there is one; refuse a finished one.
    case resume
    /// Start anew; replace the finished folder at the end (`--force`).
    case replace
  }

  /// The files beside the tensors that a model needs unchanged.
  static let copiedFiles = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.model",
    "spiece.model", "vocab.json", "vocab.txt", "merges.txt", "generation_config.json", "chat_template.jinja",
    "chat_template.json", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "NOTICE.txt",
  ]

  /// Starts the folder `destination`, a version of the model in the folder `source`.
  ///
  /// - Throws: `CheckpointError` when `destination` is there and may not be replaced, is `source` itself, is no model
  ///   folder, or another run is writing it; or when the disk refuses.
  public init(_ destination: URL, from source: URL, existing: Existing = .refuse) throws(CheckpointError) {
    self.source = source
    self.destination = destination
    let target = destination.standardizedFileURL
    workingFolder = target.deletingLastPathComponent()
      .appending(path: ".\(target.lastPathComponent).partial", directoryHint: .isDirectory)
    replaces = existing == .replace
    let manager = FileManager.default
    if Self.exists(target) {
      guard !Self.isFolder(source, inside: target) else {
        throw CheckpointError(destination, "the model to read is here; choose another output folder.")
      }
      guard existing == .replace else {
        throw CheckpointError(destination, "the folder exists; choose another name or pass --force to replace it.")
      }
      // `--force` must not delete somebody's documents.
      let contents = (try? manager.contentsOfDirectory(atPath: target.path(percentEncoded: false))) ?? ["?"]
      guard contents.isEmpty || contents.contains("config.json") else {
        throw CheckpointError(destination, "it holds something else than a model, which --force does not replace.")
      }
    }
    if Self.exists(workingFolder), existing == .refuse {
      throw CheckpointError(
        workingFolder,
        "an unfinished run left this folder; pass --resume to continue it or --force to start anew.")
    }
    do {
      try manager.createDirectory(at: workingFolder, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError(workingFolder, "the folder cannot be created: \(error.localizedDescription)")
    }
    lock = try Self.lock(workingFolder)
    do {
      if existing == .replace {
        for name in try manager.contentsOfDirectory(atPath: workingFolder.path(percentEncoded: false))
        where name != Self.lockName {
          try manager.removeItem(at: workingFolder.appending(path: name))
        }
      }
      try manager.createDirectory(at: journalFolder, withIntermediateDirectories: true)
    } catch {
      close(lock)
      throw CheckpointError(workingFolder, "the folder cannot be prepared: \(error.localizedDescription)")
    }
  }

  deinit { close(lock) }

  private static let lockName = ".lock"

  /// Takes the lock that keeps a second run out; the system frees it when the process ends, however it ends.
  private static func lock(_ folder: URL) throws(CheckpointError) -> Int32 {
    let file = folder.appending(path: lockName)
    let descriptor = open(file.path(percentEncoded: false), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .system(file, "created") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw CheckpointError(folder, "another run is writing this folder; wait for it or choose another output.")
    }
    return descriptor
  }

  /// Whether `folder` is `other` or lies in it, by the identity of the folders and not by their paths.
  private static func isFolder(_ folder: URL, inside other: URL) -> Bool {
    func identity(_ url: URL) -> (UInt64, UInt64)? {
      var status = stat()
      guard stat(url.path(percentEncoded: false), &status) == 0 else { return nil }
      return (UInt64(truncatingIfNeeded: status.st_dev), UInt64(status.st_ino))
    }
    guard let wanted = identity(other) else { return false }
    var place = folder.resolvingSymlinksInPath().standardizedFileURL
    while true {
      if let here = identity(place), here == wanted { return true }
      let parent = place.deletingLastPathComponent()
      guard parent.pathComponents.count < place.pathComponents.count else { return false }
      place = parent
    }
  }

  private static func exists(_ url: URL) -> Bool {
    FileManager.default.fileExists(atPath: url.path(percentEncoded: false))
  }

  // MARK: Shards

  /// The file name of shard `index` (from 0) of `count`: `model.safetensors` for one, else
  /// `model-00001-of-00003.safetensors`.
  public static func shardName(_ index: Int, of count: Int) -> String {
    func padded(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    return count == 1 ? "model.safetensors" : "model-\(padded(index + 1))-of-\(padded(count)).safetensors"
  }

  /// Whether the shard `name` is written; a shard appears only when it is whole.
  public func hasShard(_ name: String) -> Bool { Self.exists(workingFolder.appending(path: name)) }

  /// Starts the shard `name` with room for `tensors`; call its `finish()` when all are written.
  public func shard(_ name: String, tensors: [TensorLayout]) throws(CheckpointError) -> SafeTensorsWriter {
    try SafeTensorsWriter(workingFolder.appending(path: name), tensors: tensors)
  }

  // MARK: End

  /// Completes the folder: copies the tokenizer, generation and chat template files of the source, writes `config.json`
  /// and, unless all is in `model.safetensors`, the index; then gives the folder its name. The writer is of no use afterwards.
  ///
  /// - Parameters:
  ///   - configuration: the contents of `config.json`.
  ///   - shards: the names of all shards, each written and finished.
  ///   - notes: further files by name, such as a model card.
  /// - Throws: `CheckpointError` when a shard is missing or damaged, or the disk refuses; the destination is then as it
  ///   was before, and the run can be resumed.
  public func finish(
    configuration: ModelConfiguration, shards: [String], notes: [String: [UInt8]] = [:]
  ) throws(CheckpointError) {
    var contents: [(file: String, tensors: [String])] = []
    var byteCount = 0
    var owners: [String: String] = [:]
    for shard in shards {
      let file = try SafeTensorsFile(workingFolder.appending(path: shard))
      for tensor in file.tensors {
        if let other = owners.updateValue(shard, forKey: tensor.name) {
          throw CheckpointError(workingFolder, "the tensor \(tensor.name) is both in \(other) and in \(shard).")
        }
        byteCount += tensor.byteCount
      }
      contents.append((shard, file.tensors.map(\.name)))
    }
    var kept = Set(shards + ["config.json"])
    kept.formUnion(try copyFiles())
    try DurableFile.write(configuration.serialized(), to: workingFolder.appending(path: "config.json"))
    for (name, bytes) in notes { try DurableFile.write(bytes, to: workingFolder.appending(path: name)) }
    kept.formUnion(notes.keys)
    if shards != [Self.shardName(0, of: 1)] {
      let index = ShardIndex(contents).serialized(byteCount: byteCount)
      try DurableFile.write(index, to: workingFolder.appending(path: ShardIndex.fileName))
      kept.insert(ShardIndex.fileName)
    }
    try publish(keeping: kept)
  }

  /// Copies the unchanged files of the source; returns their names.
  private func copyFiles() throws(CheckpointError) -> [String] {
    var copied: [String] = []
    for name in Self.copiedFiles {
      let file = source.appending(path: name)
      guard Self.exists(file) else { continue }
      // In a hub cache the files are links into its blobs: the bytes are copied, not the link.
      let bytes = try MappedFile(file)
      let copy = bytes.withUnsafeBytes(0..<bytes.count) { [UInt8]($0) }
      try DurableFile.write(copy, to: workingFolder.appending(path: name))
      copied.append(name)
    }
    return copied
  }

  /// Removes all but `kept` from the working folder and renames it to the destination.
  private func publish(keeping kept: Set<String>) throws(CheckpointError) {
    let manager = FileManager.default
    let target = destination.standardizedFileURL
    let former = target.deletingLastPathComponent().appending(path: ".\(target.lastPathComponent).replaced")
    do {
      for name in try manager.contentsOfDirectory(atPath: workingFolder.path(percentEncoded: false))
      where !kept.contains(name) && name != Self.lockName {
        try manager.removeItem(at: workingFolder.appending(path: name))
      }
      try manager.removeItem(at: workingFolder.appending(path: Self.lockName))
      if Self.exists(target) {
        guard replaces else {
          throw CheckpointError(destination, "the folder appeared meanwhile; rename it and resume.")
        }
        if Self.exists(former) { try manager.removeItem(at: former) }
        try manager.moveItem(at: target, to: former)
      }
      do {
        try manager.moveItem(at: workingFolder, to: target)
      } catch {
        if replaces, Self.exists(former) { try? manager.moveItem(at: former, to: target) }
        throw error
      }
      DurableFile.flushFolder(of: target)
      if replaces, Self.exists(former) { try manager.removeItem(at: former) }
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw CheckpointError(destination, "the folder cannot be completed: \(error.localizedDescription)")
    }
  }
}

import Foundation

/// A model folder in the layout of Hugging Face: `config.json`, tokenizer files, and the tensors in one
/// `model.safetensors` or in shards listed by `model.safetensors.index.json`.
///
/// Opening reads and checks every header, no tensor.
public struct Checkpoint: Sendable {
  /// The folder.
  public let folder: URL
  /// The names of all tensors, in the byte order of their UTF-8.
  public let names: [String]
  private let tensors: [String: StoredTensor]

  /// Opens the folder.
  ///
  /// A tensor that lies in a shard but not in the index is left out, as the Python loaders do.
  ///
  /// - Throws: `CheckpointError` when the folder holds no safetensors model, a shard is missing, damaged or outside the
  ///   folder, or index and shards disagree.
  public init(folder: URL) throws(CheckpointError) {
    self.folder = folder
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path(percentEncoded: false), isDirectory: &isFolder) else {
      throw CheckpointError(folder, "there is no such folder.")
    }
    guard isFolder.boolValue else {
      throw CheckpointError(folder, "it is a file; give the folder that holds config.json and the model.")
    }
    let single = folder.appending(path: "model.safetensors")
    let index = folder.appending(path: ShardIndex.fileName)
    if FileManager.default.fileExists(atPath: single.path(percentEncoded: false)) {
      let file = try SafeTensorsFile(single)
      tensors = Self.renamed(Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) }))
    } else if FileManager.default.fileExists(atPath: index.path(percentEncoded: false)) {
      tensors = Self.renamed(try Self.tensors(of: ShardIndex(reading: index), in: folder, index: index))
    } else {
      throw Self.noModel(in: folder)
    }
    names = tensors.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Opens one safetensors file, such as a shard, as if it were the whole model.
  ///
  /// - Throws: `CheckpointError` when it is missing or damaged.
  public init(file url: URL) throws(CheckpointError) {
    folder = url.deletingLastPathComponent()
    let file = try SafeTensorsFile(url)
    tensors = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    names = tensors.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func tensors(
    of index: ShardIndex, in folder: URL, index url: URL
  ) throws(CheckpointError) -> [String: StoredTensor] {
    var tensors: [String: StoredTensor] = [:]
    for shard in index.shards {
      let file = try SafeTensorsFile(folder.appending(path: shard))
      for tensor in file.tensors {
        guard let assigned = index.shard(of: tensor.name) else { continue }
        guard assigned == shard else {
          throw CheckpointError(url, "it puts the tensor \(tensor.name) into \(assigned), but \(shard) holds it too.")
        }
        tensors[tensor.name] = tensor
      }
    }
    for name in index.names where tensors[name] == nil {
      throw CheckpointError(
        url, "the tensor \(name) is not in \(index.shard(of: name) ?? "any shard"), where it says.")
    }
    return tensors
  }

  /// Older names of tensors, and those that transformers gives them when it loads them.
  private static let olderNames = ["backbone.embedding.weight": "backbone.embeddings.weight"]

  /// `tensors` under the names that transformers knows.
  private static func renamed(_ tensors: [String: StoredTensor]) -> [String: StoredTensor] {
    var tensors = tensors
    for (old, new) in olderNames where tensors[new] == nil {
      tensors[new] = tensors.removeValue(forKey: old)?.named(new)
    }
    return tensors
  }

  private static func noModel(in folder: URL) -> CheckpointError {
    let pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json"]
    let hasPickle = pickles.contains {
      FileManager.default.fileExists(atPath: folder.appending(path: $0).path(percentEncoded: false))
    }
    return CheckpointError(
      folder,
      hasPickle
        ? "it holds pytorch_model.bin, a format that can run code; convert the model to safetensors first."
        : "it holds neither model.safetensors nor \(ShardIndex.fileName).")
  }

  /// Whether there is a tensor called `name`.
  public func contains(_ name: String) -> Bool { tensors[name] != nil }

  /// The tensor called `name`; nil when there is none.
  public subscript(name: String) -> StoredTensor? { tensors[name] }

  /// The tensor called `name`.
  ///
  /// - Throws: `CheckpointError` naming the tensor when there is none.
  public func tensor(_ name: String) throws(CheckpointError) -> StoredTensor {
    guard let tensor = tensors[name] else {
      throw CheckpointError(folder, "the tensor \(name) is missing; is the download complete?")
    }
    return tensor
  }

  /// The size of all tensors in bytes.
  public var byteCount: Int { tensors.values.reduce(0) { $0 + $1.byteCount } }

  /// Lets the system drop the bytes of the tensors `names` from memory; they are read again when touched.
  public func release(_ names: some Sequence<String>) {
    for name in names { tensors[name]?.release() }
  }

  /// The contents of `config.json`.
  ///
  /// - Throws: `CheckpointError` when it is missing, no JSON object, or names no `model_type`.
  public func configuration() throws(CheckpointError) -> ModelConfiguration {
    try ModelConfiguration(reading: folder.appending(path: "config.json"))
  }
}

import Foundation

/// `model.safetensors.index.json`: which shard holds which tensor.
///
/// Form: `{"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}`.
struct ShardIndex {
  /// The name of the file.
  static let fileName = "model.safetensors.index.json"

  /// The names of the tensors in the order of the file.
  let names: [String]
  private let map: [String: String]

  /// The distinct shards in byte order.
  var shards: [String] { Set(map.values).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

  /// The file that holds the tensor `name`; nil when the index does not list it.
  func shard(of name: String) -> String? { map[name] }

  /// An index of the tensors of each shard.
  init(_ shards: [(file: String, tensors: [String])]) {
    names = shards.flatMap(\.tensors).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    map = Dictionary(uniqueKeysWithValues: shards.flatMap { shard in shard.tensors.map { ($0, shard.file) } })
  }

  /// Reads the index; every shard must be a plain file name, so that it lies in the folder of the index.
  init(reading url: URL) throws(CheckpointError) {
    let object = try JSON.object(in: url)
    guard let weights = object["weight_map"]?.objectValue else {
      throw CheckpointError(url, "it has no weight_map object.")
    }
    guard !weights.isEmpty else { throw CheckpointError(url, "its weight_map is empty.") }
    var map: [String: String] = [:]
    for (name, value) in weights {
      guard let file = value.stringValue else {
        throw CheckpointError(url, "its weight_map gives \(value.kind) for \(name), not a file name.")
      }
      guard file.hasSuffix(".safetensors"), !file.contains("/"), !file.contains("\\"), !file.contains("\0") else {
        throw CheckpointError(
          url, "its weight_map puts \(name) into \(file), which is no safetensors file beside it.")
      }
      map[name] = file
    }
    self.map = map
    names = weights.keys
  }

  /// The file's text for shards of `byteCount` bytes of tensors in all.
  func serialized(byteCount: Int) -> [UInt8] {
    let object: JSON = [
      "metadata": ["total_size": .number(JSONNumber(byteCount))],
      "weight_map": .object(JSONObject(names.map { ($0, .string(map[$0] ?? "")) })),
    ]
    return object.serialized(pretty: true) + [UInt8(ascii: "\n")]
  }
}

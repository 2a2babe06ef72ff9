import Foundation
import TestSupport
import Testing
import WalshTensor

@testable import WalshCheckpoints

@Suite("Checkpoint folders")
struct CheckpointTests {
  /// Two shards with the tensors `a`, `b` and `c`, and the given index.
  private func sharded(_ folder: URL, index: String) throws {
    for (name, tensors) in [("one.safetensors", ["a", "b"]), ("two.safetensors", ["c"])] {
      let stored = tensors.map { StoredTensor(name: $0, Tensor([Float($0.utf8.first ?? 0), 2])) }
      let writer = try SafeTensorsWriter(folder.appending(path: name), tensors: stored.map(\.layout))
      for tensor in stored { try writer.write(tensor) }
      try writer.finish()
    }
    try Data(index.utf8).write(to: folder.appending(path: "model.safetensors.index.json"))
  }

  private func map(_ pairs: String) -> String { #"{"metadata":{"total_size":24},"weight_map":{\#(pairs)}}"# }

  @Test("A folder with one file gives its tensors by name")
  func single() throws {
    let checkpoint = try Checkpoint(folder: Golden.url("source"))
    #expect(checkpoint.names.count == 11)
    #expect(checkpoint.names == checkpoint.names.sorted())
    let norm = try checkpoint.tensor("model.norm.weight").tensor(checkingFinite: true)
    #expect(norm == Tensor(shape: [64], repeating: 1))
    #expect(checkpoint.contains("lm_head.weight") == false)
    #expect(checkpoint["lm_head.weight"] == nil)
    let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor("lm_head.weight") }
    #expect(error?.cause.contains("lm_head.weight is missing") == true)
    checkpoint.release(checkpoint.names)
    #expect(try checkpoint.tensor("model.norm.weight").tensor() == norm)
  }

  @Test("Shards are put together by the index; tensors it does not list are left out")
  func shards() throws {
    try withTemporaryFolder { folder in
      try sharded(folder, index: map(#""c":"two.safetensors","a":"one.safetensors""#))
      let checkpoint = try Checkpoint(folder: folder)
      #expect(checkpoint.names == ["a", "c"])
      #expect(checkpoint.byteCount == 16)
      #expect(try checkpoint.tensor("c").tensor().values == [99, 2])
    }
  }

  @Test(
    "A hostile index is refused by a sentence",
    arguments: [
      ("[]", "an array, not a JSON object"), ("{", "invalid"), ("{}", "no weight_map"),
      (#"{"weight_map":[]}"#, "no weight_map"), (#"{"weight_map":{}}"#, "is empty"),
      (#"{"weight_map":{"a":1}}"#, "gives a number for a"),
      (#"{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}"#, "occurs twice"),
      (#"{"weight_map":{"a":"../one.safetensors"}}"#, "no safetensors file beside it"),
      (#"{"weight_map":{"a":"/etc/passwd"}}"#, "no safetensors file beside it"),
      (#"{"weight_map":{"a":"sub/one.safetensors"}}"#, "no safetensors file beside it"),
      (#"{"weight_map":{"a":"..\\one.safetensors"}}"#, "no safetensors file beside it"),
      (#"{"weight_map":{"a":"one\u0000.safetensors"}}"#, "no safetensors file beside it"),
      (#"{"weight_map":{"a":"model.bin"}}"#, "no safetensors file beside it"),
      (#"{"weight_map":{"a":"three.safetensors"}}"#, "cannot be opened"),
      (#"{"weight_map":{"a":"two.safetensors"}}"#, "a is not in two.safetensors"),
      (#"{"weight_map":{"a":"one.safetensors","c":"one.safetensors"}}"#, "c is not in one.safetensors"),
      (#"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#, "one.safetensors holds it too"),
    ])
  func hostileIndex(index: String, cause: String) throws {
    try withTemporaryFolder { folder in
      try sharded(folder, index: index)
      let error = #expect(throws: CheckpointError.self) { try Checkpoint(folder: folder) }
      #expect(error?.cause.contains(cause) == true, "\(error?.description ?? "no error")")
    }
  }

  @Test("No folder, a file, an empty folder and a pickle are refused with advice")
  func noModel() throws {
    try withTemporaryFolder { folder in
      func cause(_ url: URL) -> String {
        (#expect(throws: CheckpointError.self) { try Checkpoint(folder: url) })?.cause ?? ""
      }
      #expect(cause(folder.appending(path: "none")) == "there is no such folder.")
      #expect(cause(folder).contains("neither model.safetensors nor"))
      let pickle = folder.appending(path: "pytorch_model.bin")
      try Data("x".utf8).write(to: pickle)
      #expect(cause(pickle).contains("it is a file"))
      #expect(cause(folder).contains("convert the model to safetensors"))
    }
  }

  @Test("A model of shared data opens", .enabled(if: TestFiles.shared("stories260k/hf") != nil))
  func stories() throws {
    let checkpoint = try Checkpoint(folder: #require(TestFiles.shared("stories260k/hf")))
    let llama = try checkpoint.configuration().llama()
    let embedding = try checkpoint.tensor("model.embed_tokens.weight")
    #expect(embedding.shape == [llama.vocabularySize, llama.hiddenSize])
    for name in checkpoint.names { _ = try checkpoint.tensor(name).tensor(checkingFinite: true) }
  }
}

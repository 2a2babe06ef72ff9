import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshModels
import WalshTensor

/// Promise 3 at the level of processes: killed at any moment, the same command with `--resume` ends in the same bytes.
@Suite(
  "A killed run",
  .enabled(if: Executable.walsh != nil, "The executable walsh was not built; run swift build first."))
struct KilledRunTests {
  private static let blocks = 6

  /// Writes a random Llama of six blocks with a tokenizer of words, and a text of its words.
  private func writeModel(to folder: URL) throws -> (model: URL, text: URL) {
    let model = folder.appending(path: "model")
    try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
    let golden = try Data(contentsOf: TestFiles.golden("models/llama/config.json"))
    guard case .object(var members) = try JSON(parsing: [UInt8](golden)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    members["num_hidden_layers"] = .number(JSONNumber(Self.blocks))
    try Data(JSON.object(members).serialized(pretty: true)).write(to: model.appending(path: "config.json"))

    let configuration = try ModelConfiguration(reading: model.appending(path: "config.json"))
    let parameters = try Architecture(configuration).parameters
    let layouts = parameters.map { TensorLayout(name: $0.name, dtype: .float32, shape: $0.shape) }
    let writer = try SafeTensorsWriter(model.appending(path: "model.safetensors"), tensors: layouts)
    for layout in layouts {
      let values = Tensor.normal(layout.shape, from: RandomStream(seed: 1, purpose: layout.name)) * 0.3
      try writer.write(StoredTensor(name: layout.name, values))
    }
    try writer.finish()

    let words = (0..<64).map { "w\($0)" }
    let vocabulary = words.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
    let tokenizer = """
      {"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
       "post_processor": null, "decoder": null,
       "model": {"type": "WordLevel", "vocab": {\(vocabulary)}, "unk_token": "w0"}}
      """
    try Data(tokenizer.utf8).write(to: model.appending(path: "tokenizer.json"))
    let stream = RandomStream(seed: 2, purpose: "words")
    let text = folder.appending(path: "text.txt")
    let sequence = (0..<4000).map { words[3 + Int(stream.uniform64(at: $0) * 61)] }
    try Data(sequence.joined(separator: " ").utf8).write(to: text)
    return (model, text)
  }

  /// The bytes of every file in `folder`, hidden ones too.
  private func contents(of folder: URL) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      files[name] = try Data(contentsOf: folder.appending(path: name))
    }
    return files
  }

  @Test("Killed behind any shard, with one thread or two, it resumes to the same bytes")
  func resume() throws {
    let walsh = try #require(Executable.walsh)
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let (model, text) = try writeModel(to: folder)
    func arguments(_ output: URL, threads: Int, _ more: [String] = []) -> [String] {
      [
        "quantize", model.path, "--to", "MXFP4", "--method", "rotation", "--rotation", "hadamard", "--solver", "gptq",
        "--calibration", text.path, "--samples", "16", "--context", "64", "--seed", "3", "--threads", "\(threads)",
        "--output", output.path,
      ] + more
    }
    let reference = folder.appending(path: "reference")
    let whole = try walsh.run(arguments(reference, threads: 2))
    #expect(whole.status == 0, "\(whole.errors)")
    let expected = try contents(of: reference)
    #expect(expected.keys.count { $0.hasSuffix(".safetensors") } == Self.blocks + 2)

    for threads in [1, 2] {
      for shards in [0, 1, 2, 4, 6] {
        let output = folder.appending(path: "out-\(threads)-\(shards)")
        let working = folder.appending(path: ".out-\(threads)-\(shards).partial")
        let killed = try walsh.run(arguments(output, threads: threads)) {
          guard let names = try? FileManager.default.contentsOfDirectory(atPath: working.path) else { return false }
          return names.count { $0.hasSuffix(".safetensors") } >= shards
        }
        #expect(killed.wasKilled)
        #expect(!FileManager.default.fileExists(atPath: output.path))
        // Without --resume the unfinished folder is nobody's to touch.
        let refused = try walsh.run(arguments(output, threads: threads))
        #expect(refused.status == 1 && refused.errors.contains("--resume"), "\(refused.errors)")
        let resumed = try walsh.run(arguments(output, threads: 3 - threads, ["--resume"]))
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try contents(of: output) == expected)
        #expect(!FileManager.default.fileExists(atPath: working.path))
      }
    }
  }
}

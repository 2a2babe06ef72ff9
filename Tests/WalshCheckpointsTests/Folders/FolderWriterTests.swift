import Foundation
import TestSupport
import Testing
import WalshTensor

@testable import WalshCheckpoints

@Suite("Writing model folders")
struct FolderWriterTests {
  /// A source folder with a configuration and a tokenizer that is a link, as in a hub cache.
  private func source(_ root: URL) throws -> URL {
    let source = root.appending(path: "source", directoryHint: .isDirectory)
    try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
    try Data(#"{"zeta": 1, "model_type": "llama", "tie_word_embeddings": true, "alpha": 1e-05}"#.utf8)
      .write(to: source.appending(path: "config.json"))
    try Data("blob".utf8).write(to: root.appending(path: "blob"))
    try FileManager.default.createSymbolicLink(
      atPath: source.appending(path: "tokenizer.json").path(percentEncoded: false),
      withDestinationPath: "../blob")
    try Data("{}".utf8).write(to: source.appending(path: "unrelated.json"))
    return source
  }

  private func write(_ writer: FolderWriter, _ shards: [String: [String]]) throws {
    for (name, tensors) in shards {
      let stored = tensors.map { StoredTensor(name: $0, Tensor([1, 2])) }
      let shard = try writer.shard(name, tensors: stored.map(\.layout))
      for tensor in stored { try shard.write(tensor) }
      try shard.finish()
    }
  }

  private func contents(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)).sorted()
  }

  @Test("A folder of one shard has no index, the tokenizer's bytes, and the source's config in its order")
  func single() throws {
    try withTemporaryFolder { root in
      let source = try source(root)
      let output = root.appending(path: "out")
      let writer = try FolderWriter(output, from: source)
      try Data("progress".utf8).write(to: writer.journalFolder.appending(path: "journal"))
      try write(writer, [FolderWriter.shardName(0, of: 1): ["a", "b"]])
      #expect(!FileManager.default.fileExists(atPath: output.path))
      let configuration = try ModelConfiguration(reading: source.appending(path: "config.json"))
      let quantization = QuantizationConfiguration(
        groups: [.init(.mxfp4a16)], ignore: [ModulePattern(exactly: "lm_head")])
      try writer.finish(
        configuration: configuration.with(quantization: quantization, tiesEmbeddings: false),
        shards: ["model.safetensors"])
      #expect(try contents(output) == ["config.json", "model.safetensors", "tokenizer.json"])
      #expect(try contents(root) == ["blob", "out", "source"])
      let link = try FileManager.default.attributesOfItem(atPath: output.appending(path: "tokenizer.json").path)
      #expect(link[.type] as? FileAttributeType == .typeRegular)
      #expect(try Data(contentsOf: output.appending(path: "tokenizer.json")) == Data("blob".utf8))
      let written = try Checkpoint(folder: output).configuration()
      #expect(written.json.keys == ["zeta", "model_type", "tie_word_embeddings", "alpha", "quantization_config"])
      #expect(written.json["tie_word_embeddings"] == false)
      #expect(String(decoding: written.serialized(), as: UTF8.self).contains("1e-05"))
      #expect(try written.quantization() == quantization)
    }
  }

  @Test("Several shards get an index that opens")
  func sharded() throws {
    try withTemporaryFolder { root in
      let names = (0..<2).map { FolderWriter.shardName($0, of: 2) }
      #expect(names == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
      let source = try source(root)
      let writer = try FolderWriter(root.appending(path: "out"), from: source)
      try write(writer, [names[0]: ["b"], names[1]: ["a", "c"]])
      #expect(writer.hasShard(names[0]))
      try writer.finish(
        configuration: ModelConfiguration(reading: source.appending(path: "config.json")), shards: names)
      let checkpoint = try Checkpoint(folder: root.appending(path: "out"))
      #expect(checkpoint.names == ["a", "b", "c"])
      let index = try JSON.object(in: root.appending(path: "out/model.safetensors.index.json"))
      #expect(index["metadata"]?["total_size"]?.intValue == 24)
      #expect(index["weight_map"]?["c"]?.stringValue == names[1])
    }
  }

  @Test("An interrupted run leaves nothing under the final name and can be resumed or started anew")
  func interrupted() throws {
    try withTemporaryFolder { root in
      let source = try source(root)
      let output = root.appending(path: "out")
      let name = FolderWriter.shardName(0, of: 1)
      do {
        let writer = try FolderWriter(output, from: source)
        try write(writer, [name: ["a"]])
        #expect(throws: CheckpointError.self) { try FolderWriter(output, from: source, existing: .resume) }
      }
      #expect(!FileManager.default.fileExists(atPath: output.path))
      let error = #expect(throws: CheckpointError.self) { try FolderWriter(output, from: source) }
      #expect(error?.cause.contains("--resume") == true)
      do {
        let resumed = try FolderWriter(output, from: source, existing: .resume)
        #expect(resumed.hasShard(name))
      }
      let anew = try FolderWriter(output, from: source, existing: .replace)
      #expect(!anew.hasShard(name))
    }
  }

  @Test("A finished folder is replaced only when told, and only when it is a model")
  func existing() throws {
    try withTemporaryFolder { root in
      let source = try source(root)
      let output = root.appending(path: "out", directoryHint: .isDirectory)
      try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
      try Data("letter".utf8).write(to: output.appending(path: "letter.txt"))
      #expect(throws: CheckpointError.self) { try FolderWriter(output, from: source) }
      #expect(throws: CheckpointError.self) { try FolderWriter(output, from: source, existing: .resume) }
      let refused = #expect(throws: CheckpointError.self) {
        try FolderWriter(output, from: source, existing: .replace)
      }
      #expect(refused?.cause.contains("something else than a model") == true)
      #expect(try contents(output) == ["letter.txt"])

      try Data("{}".utf8).write(to: output.appending(path: "config.json"))
      let writer = try FolderWriter(output, from: source, existing: .replace)
      try write(writer, ["model.safetensors": ["a"]])
      #expect(try contents(output) == ["config.json", "letter.txt"])
      try writer.finish(
        configuration: ModelConfiguration(reading: source.appending(path: "config.json")),
        shards: ["model.safetensors"])
      #expect(try contents(output) == ["config.json", "model.safetensors", "tokenizer.json"])
      #expect(try contents(root) == ["blob", "out", "source"])
    }
  }

  @Test("The source and the folders around it are never the output, by whatever path")
  func itself() throws {
    try withTemporaryFolder { root in
      let source = try source(root)
      let link = root.appending(path: "link")
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: source)
      let outputs = [source, link, root.appending(path: "x/../source"), root, URL(filePath: source.path)]
      for output in outputs {
        let error = #expect(throws: CheckpointError.self) {
          try FolderWriter(output, from: source, existing: .replace)
        }
        #expect(error?.cause.contains("choose another output") == true)
      }
    }
  }

  @Test("A missing shard and a tensor in two shards stop the end, and the run can go on")
  func incomplete() throws {
    try withTemporaryFolder { root in
      let source = try source(root)
      let configuration = try ModelConfiguration(reading: source.appending(path: "config.json"))
      let writer = try FolderWriter(root.appending(path: "out"), from: source)
      try write(writer, ["one.safetensors": ["a"], "two.safetensors": ["a"]])
      #expect(throws: CheckpointError.self) {
        try writer.finish(configuration: configuration, shards: ["one.safetensors", "three.safetensors"])
      }
      let error = #expect(throws: CheckpointError.self) {
        try writer.finish(configuration: configuration, shards: ["one.safetensors", "two.safetensors"])
      }
      #expect(error?.cause.contains("a is both in one.safetensors and in two.safetensors") == true)
      try writer.finish(configuration: configuration, shards: ["one.safetensors"])
      #expect(try Checkpoint(folder: root.appending(path: "out")).names == ["a"])
    }
  }
}

import Foundation
import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshCheckpoints

/// The Python that runs the oracles.
private let oraclePython = ProcessInfo.processInfo.environment["WALSH_ORACLE_PYTHON"]

/// Needs Python with torch, transformers and compressed-tensors: `WALSH_ORACLE_PYTHON=/path/to/python swift test`.
@Suite("Folders that Walsh writes, loaded by transformers", .enabled(if: oraclePython != nil))
struct TransformersTests {
  /// The logits that transformers computes from the model in `folder`.
  private func logits(_ folder: URL) throws -> [[Double]] {
    let process = Process()
    process.executableURL = URL(filePath: try #require(oraclePython))
    process.arguments = [TestFiles.root.appending(path: "Tests/Oracles/compressed_read.py").path, folder.path]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let report = try JSON(parsing: [UInt8](data))
    #expect(report["unexpected"]?.arrayValue?.isEmpty == true && report["missing"]?.arrayValue?.isEmpty == true)
    return try #require(report["logits"]?.arrayValue).map { row in (row.arrayValue ?? []).compactMap(\.doubleValue) }
  }

  /// Writes the golden source with its linear layers given by `replacement`.
  private func write(
    _ folder: URL, _ quantization: QuantizationConfiguration?,
    replacement: (_ path: String, _ weight: Tensor) throws -> [StoredTensor]
  ) throws {
    let source = try Checkpoint(folder: Golden.url("source"))
    var tensors: [StoredTensor] = []
    for name in source.names {
      let tensor = try source.tensor(name)
      if name.hasSuffix("_proj.weight") {
        tensors += try replacement(String(name.dropLast(7)), tensor.tensor())
      } else {
        tensors.append(tensor)
      }
    }
    let writer = try FolderWriter(folder, from: source.folder)
    let shard = try writer.shard("model.safetensors", tensors: tensors.map(\.layout))
    for tensor in tensors { try shard.write(tensor) }
    try shard.finish()
    try writer.finish(
      configuration: source.configuration().with(quantization: quantization), shards: ["model.safetensors"])
  }

  @Test(
    "Packed weights give the logits of the same weights written plainly",
    arguments: [
      NumericFormat.nvfp4, .nvfp4OneLevel, .mxfp4, .int(4, group: 32), .int(3, group: 16),
      NumericFormat(element: .int(bits: 2), granularity: .row, scale: .bfloat16),
      NumericFormat(element: .int(bits: 8), granularity: .row, scale: .bfloat16),
    ])
  func sameLogits(format: NumericFormat) throws {
    let layout = try #require(LinearLayout(format))
    let group = QuantizationConfiguration.Group(
      name: "group_0", targets: [ModulePattern(exactly: "Linear")], format: layout.format, weights: layout.arguments)
    let quantization = QuantizationConfiguration(groups: [group], ignore: [ModulePattern(exactly: "lm_head")])
    try withTemporaryFolder { root in
      try write(root.appending(path: "packed"), quantization) { path, weight in
        PackedLinearTensors(Quantizer(format: format).pack(weight)).tensors(path)
      }
      try write(root.appending(path: "plain"), nil) { path, weight in
        [StoredTensor(name: "\(path).weight", Quantizer(format: format).fakeQuantize(weight), as: .bfloat16)]
      }
      #expect(try logits(root.appending(path: "packed")) == logits(root.appending(path: "plain")))
    }
  }

  @Test("The golden MXFP4 folder and the one Walsh writes are the same model")
  func sameAsLibrary() throws {
    try withTemporaryFolder { root in
      let quantization = QuantizationConfiguration(
        groups: [.init(.mxfp4a16)], ignore: [ModulePattern(exactly: "lm_head")])
      try write(root.appending(path: "packed"), quantization) { path, weight in
        PackedLinearTensors(Quantizer(format: .mxfp4).pack(weight)).tensors(path)
      }
      #expect(try logits(root.appending(path: "packed")) == logits(Golden.url("mxfp4")))
    }
  }
}

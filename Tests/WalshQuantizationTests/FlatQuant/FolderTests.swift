import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor

@testable import WalshQuantization

/// Specification 7.1, 16, and the engine's promises for a run that calibrates blocks.
@Suite("Folders that FlatQuant writes")
struct FlatQuantFolderTests {
  private struct Interruption: Error {}

  static func request(_ preset: String = "W4A4KV4", solver: QuantizationRequest.Solver? = nil) throws
    -> QuantizationRequest
  {
    var request = QuantizationRequest(method: .flatquant, preset: try #require(Preset(named: preset)), solver: solver)
    request.flatQuant.epochs = 2
    request.flatQuant.batchSize = 2
    return request
  }

  private func write(_ request: QuantizationRequest, to output: URL, workers: Int = 2) throws {
    _ = try withWorkers(workers) { try TinyModel("qwen3").run(request).write(to: output, existing: .refuse) }
  }

  /// The block as the engine solved it, by a run of the same steps in memory.
  private func solved(_ request: QuantizationRequest, _ model: TinyModel) throws -> (
    BlockWeights, [Tensor], TestBlock
  ) {
    let plan = try request.plan(for: model.outline)
    let embedding = try model.checkpoint.tensor(model.outline.embedding).tensor()
    var block = try TestBlock("qwen3")
    block.inputs = TinyModel.calibration().samples.map { embedding.gatheringRows($0) }
    return (try block.solved(plan, block.calibrated(plan)), block.inputs, block)
  }

  @Test(
    "What is read back computes what the calibrated block computed, bit for bit where products agree",
    arguments: ["W4A4KV4", "W4A16", "MXFP4", "NVFP4"], [true, false])
  func reading(_ preset: String, _ shared: Bool) throws {
    var request = try Self.request(preset)
    request.flatQuant.sharedActivationClip = shared
    let model = try TinyModel("qwen3")
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      try write(request, to: output)
      let (weights, inputs, block) = try solved(request, model)
      let checkpoint = try Checkpoint(folder: output)
      let configuration = try checkpoint.configuration()
      let stored = CheckpointWeights(
        checkpoint, architecture: model.model.architecture, quantization: try configuration.quantization())
      for x in inputs {
        let found = try block.output(UnpackedWeights(base: stored), x)
        #expect(relativeError(found, try block.output(weights, x)) < 1e-6)
      }
    }
  }

  @Test("Matrices, inverse transposes and clips survive the disk bit for bit")
  func roundTrip() throws {
    let request = try Self.request()
    let model = try TinyModel("qwen3")
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      try write(request, to: output)
      let (weights, _, block) = try solved(request, model)
      let checkpoint = try Checkpoint(folder: output)
      let stored = CheckpointWeights(
        checkpoint, architecture: model.model.architecture,
        quantization: try checkpoint.configuration().quantization())
      for group in block.architecture.outline.blocks[0].groups {
        let stage = try stored.inputStage(of: group)
        #expect(stage.activation?.clip == weights.activations[group.id]?.clip)
        #expect(stage.activation?.clip != ClipRatio.none)
        #expect(stage.transform?.matrix() == weights.online[group.id]?.matrix())
        #expect(stage.transform != nil)
      }
      let site = try #require(block.architecture.outline.blocks[0].attention)
      let keys = try stored.keyStage(of: site)
      #expect(keys.keyTransform?.matrix() == weights.keys.keyTransform?.matrix() && keys.keyTransform != nil)
      #expect(keys.queryTransform?.matrix() == weights.keys.queryTransform?.matrix())
      #expect(keys.keys?.clip == weights.keys.keys?.clip && keys.values?.clip == weights.keys.values?.clip)
      #expect(keys.keys?.clip != ClipRatio.none)
      // Packed nibbles: the even column in the low half.
      let path = "model.layers.0.mlp.down_proj"
      let packed = try PackedLinearTensors(
        path, in: checkpoint, group: #require(checkpoint.configuration().quantization()?.group(for: path))
      ).weight
      #expect(relativeError(packed.unpacked(), try weights.tensor(path + ".weight")) == 0)
    }
  }

  @Test("A cache with clips reads back what attention without a cache computes")
  func generation() throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      try write(Self.request(), to: output)
      let model = try LanguageModel(Checkpoint(folder: output))
      let tokens = (0..<10).map { 3 + $0 * 5 % 50 }
      let all = model.logits(for: tokens)
      let state = model.makeState()
      for (i, token) in tokens.enumerated() {
        #expect(relativeError(model.nextLogits(after: [token], state: state), all.row(i)) < 1e-3)
      }
    }
  }

  @Test(
    "One thread, two threads, a scratch file: the same bytes in every file",
    arguments: [nil, QuantizationRequest.Solver.gptq])
  func threads(_ solver: QuantizationRequest.Solver?) throws {
    let request = try Self.request(solver: solver)
    try withTemporaryFolder { folder in
      let (one, two, three) = (
        folder.appending(path: "1"), folder.appending(path: "2"), folder.appending(path: "3")
      )
      try write(request, to: one, workers: 1)
      try write(request, to: two)
      _ = try TinyModel("qwen3").run(request, activationLimit: 0).write(to: three, existing: .refuse)
      #expect(try contents(of: one) == contents(of: two))
      #expect(try contents(of: one) == contents(of: three))
      #expect(try names(in: folder) == ["1", "2", "3"])
    }
  }

  @Test(
    "Interrupted in front of any block and resumed: the same bytes",
    arguments: [nil, QuantizationRequest.Solver.gptq])
  func resume(_ solver: QuantizationRequest.Solver?) throws {
    let request = try Self.request(solver: solver)
    let run = try TinyModel("llama").run(request)
    try withTemporaryFolder { folder in
      let whole = folder.appending(path: "whole")
      _ = try run.write(to: whole, existing: .refuse)
      // Six samples in batches of two, two epochs: six steps a block.
      for point in [1, 4, 7, 10, 13] {
        let output = folder.appending(path: "out\(point)")
        #expect(throws: Interruption.self) {
          try run.write(to: output, existing: .resume) { update in
            if update.label.contains("weights") { return }
            if update.done == point { throw Interruption() }
          }
        }
        _ = try run.write(to: output, existing: .resume)
        #expect(try contents(of: output) == contents(of: whole), "\(point)")
      }
    }
  }

  @Test("Progress counts every step of every block")
  func progress() throws {
    var updates: [ProgressUpdate] = []
    try withTemporaryFolder { folder in
      _ = try TinyModel("llama").run(Self.request()).write(to: folder.appending(path: "out"), existing: .refuse) {
        if !$0.label.contains("weights") { updates.append($0) }
      }
    }
    #expect(updates.map(\.done) == updates.map(\.done).sorted())
    #expect(updates.allSatisfy { $0.total == 2 + 2 * 6 })
    #expect(updates.contains { $0.label.hasPrefix("block 2 of 2, epoch 2 of 2, error 0.") })
    #expect(updates.last?.done == 14)
  }

  @Test("The plan's summary says what a run will store, to the byte", arguments: ["W4A4KV4", "MXFP4"])
  func size(_ preset: String) throws {
    let run = try TinyModel("qwen3").run(Self.request(preset))
    let summary = try run.summary()
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try run.write(to: output, existing: .refuse)
      #expect(try Checkpoint(folder: output).byteCount == summary.bytesAfter)
    }
    #expect(summary.rows[0].transform == "scales · learned 4×8" && summary.rows[0].placement == "folded + online")
    #expect(summary.calibrationReason?.contains("FlatQuant") == true)
  }

  @Test("Keys and values alone in four bits cost little beside weights and activations")
  func cache() throws {
    let block = try TestBlock("llama", samples: 6, length: 16)
    var settings = FlatQuantCalibrationTests.short
    settings.epochs = 8
    let cache = Preset(name: "KV4", weights: nil, cache: .intPerRow(4, symmetric: false))
    func plan(_ preset: Preset) throws -> Plan {
      FlatQuantMethod(settings, seed: 1).plan(
        for: block.architecture.outline, preset: preset, exceptions: try LayerSelection([]))
    }
    let cacheError = try block.error(of: plan(cache))
    #expect(try cacheError < 0.25 * block.error(of: plan(#require(Preset(named: "W4A4KV4")))))
  }

  @Test("Clips alone make a folder that says who reads it: others refuse the key")
  func clipsAlone() throws {
    var request = try Self.request()
    request.flatQuant.learnsTransforms = false
    request.flatQuant.learnsScales = false
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      try write(request, to: output)
      let configuration = try #require(Checkpoint(folder: output).configuration().quantization())
      #expect(configuration.transforms.isEmpty)
      #expect(configuration.groups[0].inputActivations?.clipping == .shared)
      #expect(configuration.keyValueCache?.clipping == .shared)
      let card = try String(contentsOf: output.appending(path: "README.md"), encoding: .utf8)
      #expect(card.contains("Activations are clipped"))
    }
  }

  @Test("Layers that are left out keep their weights and what they read")
  func exceptions() throws {
    var request = try Self.request()
    request.exceptions = ["down_proj"]
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      try write(request, to: output)
      let checkpoint = try Checkpoint(folder: output)
      #expect(checkpoint.contains("model.layers.0.mlp.down_proj.weight"))
      #expect(!checkpoint.names.contains { $0.hasPrefix("model.layers.0.mlp.down_proj.R4") })
    }
  }
}

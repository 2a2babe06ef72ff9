import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor

@testable import WalshQuantization

/// Promises 3 and 5: the same bytes whatever happens, and a sentence instead of half a folder.
@Suite("Runs")
struct RunTests {
  private struct Interruption: Error {}

  /// Calibrated transforms, online rotations, GPTQ, tensor scales: everything that could depend on how a run went.
  static let requests = [
    QuantizationRequest(method: .rotation, preset: Preset(named: "MXFP4")!, rotation: .randomized, seed: 2),
    QuantizationRequest(
      method: .smoothquant, preset: Preset(named: "NVFP4")!, solver: .gptqByActivation, exceptions: ["o_proj"]),
    QuantizationRequest(method: .rotation, preset: Preset(named: "W4A4KV4")!, rotation: .haar),
  ]
  private static let request = requests[0]

  private func write(_ name: String, _ request: QuantizationRequest, workers: Int = 2) throws -> [String: Data] {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try withWorkers(workers) { try TinyModel(name).run(request).write(to: output, existing: .refuse) }
      #expect(try names(in: folder) == ["out"])
      return try contents(of: output)
    }
  }

  @Test("One thread, two threads, twice: the same bytes in every file", arguments: requests)
  func threads(_ request: QuantizationRequest) throws {
    let one = try write("qwen3", request, workers: 1)
    #expect(try write("qwen3", request, workers: 2) == one)
    #expect(try write("qwen3", request, workers: 2) == one)
    #expect(one.keys.contains("config.json") && one.keys.contains("README.md"))
    #expect(one.keys.count { $0.hasSuffix(".safetensors") } == 3)
  }

  @Test("A scratch file for activations does not change a byte")
  func scratch() throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try TinyModel("qwen3").run(Self.request, activationLimit: 0).write(to: output, existing: .refuse)
      #expect(try contents(of: output) == write("qwen3", Self.request))
    }
  }

  @Test("Interrupted before any step and resumed: the same bytes", arguments: requests)
  func resume(_ request: QuantizationRequest) throws {
    let whole = try write("llama", request)
    let run = try TinyModel("llama").run(request)
    for point in 0...4 {
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        #expect(throws: Interruption.self) {
          try run.write(to: output, existing: .resume) { update in
            if update.total == 4, update.done == point { throw Interruption() }
          }
        }
        #expect(!FileManager.default.fileExists(atPath: output.path))
        _ = try run.write(to: output, existing: .resume)
        #expect(try contents(of: output) == whole)
        #expect(try names(in: folder) == ["out"])
      }
    }
  }

  @Test("Interrupted again and again, it ends all the same")
  func interruptions() throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let run = try TinyModel("llama").run(Self.request)
      for point in [1, 1, 2, 3, 3, 4] {
        #expect(throws: Interruption.self) {
          try run.write(to: output, existing: .resume) { if $0.total == 4, $0.done == point { throw Interruption() } }
        }
      }
      let layers = try run.write(to: output, existing: .resume)
      #expect(layers.count == 14)
      #expect(try contents(of: output) == write("llama", Self.request))
    }
  }

  // MARK: What resuming refuses

  /// Calls `body` with a run that stopped behind its second shard: its output and its working folder.
  private func interrupted(_ body: (URL, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      #expect(throws: Interruption.self) {
        try TinyModel("llama").run(Self.request).write(to: output, existing: .refuse) {
          if $0.total == 4, $0.done == 2 { throw Interruption() }
        }
      }
      try body(output, folder.appending(path: ".out.partial"))
    }
  }

  private func resumeError(
    _ output: URL, _ request: QuantizationRequest = request, calibration: CalibrationText = TinyModel.calibration(),
    model: String = "llama", existing: FolderWriter.Existing = .resume
  ) -> String {
    do {
      _ = try TinyModel(model).run(request, calibration: calibration).write(to: output, existing: existing)
      return "no error"
    } catch { return "\(error)" }
  }

  @Test("A damaged shard is found and named")
  func damaged() throws {
    try interrupted { output, working in
      let shard = working.appending(path: "model-00002-of-00004.safetensors")
      var bytes = try Data(contentsOf: shard)
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: shard)
      let sentence = "model-00002-of-00004.safetensors: it is not the file that the interrupted run wrote"
      #expect(resumeError(output).contains(sentence))
      try FileManager.default.removeItem(at: shard)
      #expect(resumeError(output).contains(sentence))
      // Starting anew helps, as the sentence says.
      #expect(resumeError(output, existing: .replace) == "no error")
      #expect(try contents(of: output) == write("llama", Self.request))
    }
  }

  @Test("Another request, another text, another model: refused, and the folder stays resumable")
  func others() throws {
    try interrupted { output, _ in
      let sentence = "it holds an unfinished run of another model, request or calibration text"
      var other = Self.request
      other.seed = 9
      #expect(resumeError(output, other).contains(sentence))
      other = Self.request
      other.overrides["mlp.output"] = GroupOverride(solver: .rtn)
      #expect(resumeError(output, other).contains(sentence))
      // The same name for other numbers.
      other = Self.request
      other.preset = Preset(name: "MXFP4", weights: .mxfp4(.rceil), activations: .mxfp4)
      #expect(resumeError(output, other).contains(sentence))
      #expect(resumeError(output, calibration: TinyModel.calibration(seed: 2)).contains(sentence))
      #expect(resumeError(output, model: "llama-biases").contains(sentence))
      #expect(resumeError(output) == "no error")
      let resumed = try contents(of: output)
      #expect(try resumed == write("llama", Self.request))
    }
  }

  @Test("A last line of the journal cut short is ignored, a damaged one is not")
  func journal() throws {
    try interrupted { output, working in
      let journal = working.appending(path: ".journal/shards.jsonl")
      let whole = try Data(contentsOf: journal)
      try whole.dropLast(40).write(to: journal)
      #expect(resumeError(output) == "no error")
      #expect(try contents(of: output) == write("llama", Self.request))
    }
    try interrupted { output, working in
      let journal = working.appending(path: ".journal/shards.jsonl")
      try Data("{\"request\": \n".utf8).write(to: journal)
      #expect(resumeError(output).contains("its journal is damaged; delete the folder and start again."))
    }
  }

  @Test("Refuse, resume and replace")
  func existing() throws {
    try interrupted { output, working in
      #expect(
        resumeError(output, existing: .refuse).contains("pass --resume to continue it or --force to start anew"))
      #expect(resumeError(output, existing: .resume) == "no error")
      let finished = try contents(of: output)
      #expect(resumeError(output, existing: .refuse).contains("pass --force to replace it"))
      #expect(resumeError(output, existing: .resume).contains("pass --force to replace it"))
      var other = Self.request
      other.seed = 77
      #expect(resumeError(output, other, existing: .replace) == "no error")
      #expect(try contents(of: output) != finished)
      #expect(!FileManager.default.fileExists(atPath: working.path))
    }
  }

  @Test("A finished folder survives a replacement that is interrupted")
  func replacement() throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let run = try TinyModel("llama").run(Self.request)
      _ = try run.write(to: output, existing: .refuse)
      let finished = try contents(of: output)
      #expect(throws: Interruption.self) {
        _ = try run.write(to: output, existing: .replace) { if $0.done == 3, $0.total == 4 { throw Interruption() } }
      }
      #expect(try contents(of: output) == finished)
    }
  }

  // MARK: Bad models

  /// Writes a copy of the tiny Llama to `folder` with one tensor changed.
  private func writeModel(to folder: URL, changing name: String, _ change: (inout Tensor) -> Void) throws {
    try FileManager.default.copyItem(at: TestFiles.golden("models/llama"), to: folder)
    let file = folder.appending(path: "model.safetensors")
    let checkpoint = try Checkpoint(file: file)
    let tensors = try checkpoint.names.map { key in
      guard key == name else { return try checkpoint.tensor(key) }
      var tensor = try checkpoint.tensor(key).tensor()
      change(&tensor)
      return StoredTensor(name: key, tensor)
    }
    let writer = try SafeTensorsWriter(file, tensors: tensors.map(\.layout))
    for tensor in tensors { try writer.write(tensor) }
    try writer.finish()
  }

  @Test("A layer of zeros and a layer that reads zeros only are quantized like any other", arguments: requests)
  func zeros(_ request: QuantizationRequest) throws {
    try withTemporaryFolder { folder in
      let model = folder.appending(path: "model")
      try writeModel(to: model, changing: "model.layers.0.self_attn.v_proj.weight") { $0 = .zeros($0.shape) }
      let output = folder.appending(path: "out")
      let layers = try QuantizationRun(
        source: Checkpoint(folder: model), request: request, calibration: TinyModel.calibration()
      ).write(to: output, existing: .refuse)
      #expect(layers.allSatisfy { $0.weightError.isFinite && $0.outputError?.isFinite != false })
      let zero = try #require(layers.first { $0.path.hasSuffix("layers.0.self_attn.v_proj") })
      #expect(zero.weightError == 0 && zero.outputError == nil)
      let logits = try LanguageModel(Checkpoint(folder: output)).logits(for: [3, 4, 5])
      #expect(logits.firstNonFinite == nil)
    }
  }

  @Test("A weight that is not a number is named before anything is written", arguments: [Float.nan, .infinity])
  func notFinite(_ value: Float) throws {
    try withTemporaryFolder { folder in
      let model = folder.appending(path: "model")
      let name = "model.layers.1.mlp.up_proj.weight"
      try writeModel(to: model, changing: name) { $0[2, 3] = value }
      let run = try QuantizationRun(
        source: Checkpoint(folder: model), request: Self.request, calibration: TinyModel.calibration())
      let error = #expect(throws: CheckpointError.self) {
        try run.write(to: folder.appending(path: "out"), existing: .refuse)
      }
      #expect(error?.cause.contains("the tensor \(name) holds \(value) at [2, 3]") == true)
      #expect(try names(in: folder) == ["model"])
    }
  }

  @Test("A tokenizer of another model and a quantized model are refused before anything is written")
  func wrongModel() throws {
    let model = try TinyModel("llama")
    let foreign = CalibrationText(samples: [[1, 2, 64]], source: "foreign.txt")
    let error = #expect(throws: QuantizationError.self) { try model.run(Self.request, calibration: foreign) }
    #expect(
      error?.description
        == "foreign.txt: the tokenizer gives token 64, but the embedding has 64 rows; the folder mixes two models.")
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try model.run(Self.request).write(to: output, existing: .refuse)
      let again = #expect(throws: QuantizationError.self) {
        try QuantizationRun(
          source: Checkpoint(folder: output), request: Self.request, calibration: TinyModel.calibration())
      }
      #expect(again?.cause == "the model is quantized already; start from its full precision base.")
    }
  }

  @Test("What a run reports is what the folder holds", arguments: ["int4/row", "MXFP4A16", "NVFP4A16", "W8A8"])
  func reports(_ preset: String) throws {
    let model = try TinyModel("llama")
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let request = QuantizationRequest(method: .rtn, preset: try #require(Preset(named: preset)))
      let layers = try model.run(request).write(to: output, existing: .refuse)
      #expect(layers.map(\.path) == model.outline.blocks.flatMap(\.groups).flatMap(\.layers))
      let result = try Checkpoint(folder: output)
      let quantization = try #require(try result.configuration().quantization())
      for layer in layers {
        let group = try #require(quantization.group(for: layer.path))
        let stored = try PackedLinearTensors(layer.path, in: result, group: group).weight.unpacked()
        let weight = try model.checkpoint.tensor(layer.path + ".weight").tensor()
        let error = (weight - stored).sumOfSquares / weight.sumOfSquares
        #expect(abs(layer.weightError - error) <= 1e-12 && error > 0)
      }
    }
  }

  @Test("The layers that vLLM fuses share one tensor scale")
  func fusedScales() throws {
    let model = try TinyModel("llama")
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let request = QuantizationRequest(method: .rtn, preset: try #require(Preset(named: "NVFP4")))
      _ = try model.run(request).write(to: output, existing: .refuse)
      let result = try Checkpoint(folder: output)
      for group in model.outline.blocks.flatMap(\.groups) {
        for name in ["weight_global_scale", "input_global_scale"] {
          let scales = try group.layers.map { try result.tensor("\($0).\(name)").tensor().values }
          #expect(Set(scales).count == 1 && scales[0][0] > 0)
        }
      }
    }
  }
}

extension QuantizationRequest: CustomTestStringConvertible {
  public var testDescription: String { summary }
}

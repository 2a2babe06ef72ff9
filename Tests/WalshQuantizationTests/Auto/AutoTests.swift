import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("auto measures and chooses")
struct AutoTests {
  private func request(_ preset: String, budget: Double? = nil, tokens: Int = 96) throws -> QuantizationRequest {
    QuantizationRequest(
      method: .auto, preset: try #require(Preset(named: preset)), auto: AutoSettings(budget: budget, tokens: tokens),
      samples: 16, context: 24)
  }

  private let calibration = TinyModel.calibration(samples: 16, length: 24)

  /// Runs `request` on `model` and gives the evidence with the folder.
  private func made<R>(
    _ request: QuantizationRequest, on model: Checkpoint, _ body: (URL, AutoEvidence) throws -> R
  ) throws -> R {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try QuantizationRun(source: model, request: request, calibration: calibration)
        .write(to: output, existing: .refuse)
      return try body(output, #require(AutoEvidence(inFolder: output)))
    }
  }

  @Test(
    "The chosen plan is the best of those tried, and the folder is what the evidence says",
    arguments: ["llama", "qwen3"])
  func best(_ kind: String) throws {
    let model = try TinyModel(kind)
    try made(request("W4A4KV4"), on: model.checkpoint) { output, evidence in
      let chosen = try #require(evidence.trials.first { $0.isChosen })
      #expect(evidence.trials.count { $0.isChosen } == 1)
      #expect(evidence.trials.allSatisfy { $0.divergence >= chosen.divergence })
      #expect(evidence.trials.count == 10)
      #expect(evidence.groups.map(\.id) == model.outline.blocks.flatMap(\.groups).map(\.id))
      // Figures are those of a model that can be read back: the same divergence from the base, on the same texts.
      let texts = try AutoTexts(calibration, tokens: 96)
      let copy = try LanguageModel(Checkpoint(folder: output))
      let tokens = texts.held.reduce(0) { $0 + $1.count }
      let found = texts.held.reduce(0) { $0 + divergence(model.model, copy, $1) } / Double(tokens)
      // The engine calibrates on all samples, the trial on three quarters of them.
      #expect(abs(found / chosen.divergence - 1) < 0.5)
      let card = try String(contentsOf: output.appending(path: "README.md"), encoding: .utf8)
      #expect(card.contains(chosen.name) && card.contains(AutoEvidence.fileName))
      #expect(AutoEvidence(evidence.json) == evidence)
    }
  }

  @Test("A budget is kept, and more bits lose less", arguments: [3.7, 4.3, 6, 12])
  func budget(_ budget: Double) throws {
    let model = try TinyModel("llama")
    try made(request("W4A16", budget: budget), on: model.checkpoint) { output, evidence in
      let chosen = try #require(evidence.trials.first { $0.isChosen })
      #expect(evidence.trials.allSatisfy { $0.bits <= budget + 1e-9 })
      let configuration = try Checkpoint(folder: output).configuration()
      #expect(try configuration.quantization() != nil)
      #expect(chosen.bits > 0.6 * min(budget, 8))
    }
  }

  @Test("A model with outliers in front of one group gets a transform there and behind no norm and no attention")
  func planted() throws {
    let model = try TinyModel("llama")
    let group = try #require(model.outline.blocks[1].groups.first { $0.role == "mlp.output" })
    var scales = [Float](repeating: 1, count: group.width)
    scales[3] = 64
    scales[17] = 64
    var plan = Plan(method: "test", preset: .full)
    plan.groups[group.id] = GroupPlan(transform: .fixed(DiagonalTransform(scales)))
    try withTemporaryFolder { folder in
      let planted = folder.appending(path: "planted")
      _ = try QuantizationRun(
        source: model.checkpoint, request: QuantizationRequest(method: .rtn, preset: .full), plan: plan,
        calibration: nil
      ).write(to: planted, existing: .refuse)
      var request = try request("MXFP4", tokens: 384)
      request.solver = .rtn
      request.samples = 64
      let text = TinyModel.calibration(samples: 64, length: 24)
      let output = folder.appending(path: "out")
      let source = try Checkpoint(folder: planted)
      _ = try QuantizationRun(source: source, request: request, calibration: text)
        .write(to: output, existing: .refuse)
      let evidence = try #require(AutoEvidence(inFolder: output))
      for entry in evidence.groups {
        let plain = try #require(entry.options.first { $0.transform == "none" })
        let least = entry.options.map(\.loss).min() ?? 0
        if entry.id == group.id {
          #expect(least < 0.2 * plain.loss)
          if let chosen = entry.chosen { #expect(chosen.transform != "none") }
        } else if let chosen = entry.chosen, !entry.id.hasSuffix("mlp.output") {
          // Products of two activations have heavy tails in every block, where a rotation may well be better.
          #expect(chosen.transform == "none", "\(entry.id): \(chosen.transform)")
        }
      }
      #expect(evidence.groups.contains { $0.chosen != nil })
    }
  }

  @Test("Killed after any step and resumed, and with any number of threads, the bytes are the same")
  func resumed() throws {
    struct Killed: Error {}
    let model = try TinyModel("llama")
    let run = try QuantizationRun(source: model.checkpoint, request: request("MXFP4"), calibration: calibration)
    try withTemporaryFolder { folder in
      let whole = folder.appending(path: "whole")
      _ = try withWorkers(1) { try run.write(to: whole, existing: .refuse) }
      let expected = try contents(of: whole)
      #expect(expected[AutoEvidence.fileName] != nil)
      for limit in [3, 5, 8, 12, 16] {
        let output = folder.appending(path: "resumed-\(limit)")
        var steps = 0
        #expect(throws: Killed.self) {
          _ = try withWorkers(3) {
            try run.write(to: output, existing: .resume) { _ in
              steps += 1
              if steps > limit { throw Killed() }
            }
          }
        }
        _ = try withWorkers(2) { try run.write(to: output, existing: .resume) }
        #expect(try contents(of: output) == expected)
      }
    }
  }

  @Test("What cannot be done is said in one sentence, before anything is written")
  func refused() throws {
    let model = try TinyModel("llama")
    func error(_ request: QuantizationRequest) -> String {
      do {
        _ = try request.plan(for: model.outline)
        return ""
      } catch { return "\(error)" }
    }
    let small = try error(request("W4A16", budget: 2))
    #expect(small.contains("--budget 2.0") && small.contains("INT3/"), "\(small)")
    #expect(try error(request("MXFP4", budget: 4.2)).contains("MXFP4 with 4.2"))
    #expect(try error(request("MXFP4", budget: 4.3)).isEmpty)
    #expect(try error(request("full")).contains("rounds no weights"))
    #expect(throws: QuantizationError.self) {
      try AutoTexts(CalibrationText(samples: [[1, 2, 3]], source: "short"), tokens: 8)
    }
  }

  @Test("The estimate of a change's cost is the divergence that it causes, to second order")
  func estimate() throws {
    let model = try TinyModel("llama")
    let architecture = model.model.architecture
    let weights = UnpackedWeights(
      base: CheckpointWeights(model.checkpoint, architecture: architecture, quantization: nil))
    let texts = TinyModel.calibration(samples: 240, length: 24).samples
    let probe = SensitivityProbe(architecture: architecture, source: weights, seed: 0)
    let streams = try probe.streams(texts)
    let last = architecture.outline.blocks.count
    var gradients = try probe.endGradients(streams[last])
    var record: SensitivityProbe.BlockRecord?
    for layer in (0..<last).reversed() {
      record = try probe.record(layer, streams: streams[layer], gradients: &gradients)
    }
    let path = architecture.outline.blocks[0].groups[1].layers[0]
    let gradient = try #require(record?.gradients[path])
    // A small change of the attention output's weight, whose effect on the predictions is computed exactly.
    let weight = try weights.linear(path).denseWeight
    let change =
      normal(weight.shape, "change") * Float(0.02 * (weight.sumOfSquares / Double(weight.count)).squareRoot())
    let inputs = try #require(record?.inputs[architecture.outline.blocks[0].groups[1].id])
    let moved = gradient * inputs.matmulTransposed(change)
    let estimate = texts.indices.reduce(0.0) { sum, text in
      let change = (24 * text..<24 * (text + 1)).reduce(0) { sum, row in
        sum + moved.row(row).values.reduce(0) { $0 + Double($1) }
      }
      return sum + 0.5 * change * change
    }
    var plan = [String: Tensor]()
    for name in model.checkpoint.names { plan[name] = try model.checkpoint.tensor(name).tensor() }
    plan[path + ".weight"] = weight + change
    let changed = try LanguageModel(architecture, weights: BlockWeights(tensors: plan))
    let exact = texts.reduce(0) { $0 + divergence(model.model, changed, $1) }
    let ratio = estimate / exact
    #expect((0.75...1.3).contains(ratio), "\(ratio)")
  }
}

/// Σ p·log(p/q) over all positions of a text, in nats.
private func divergence(_ model: LanguageModel, _ copy: LanguageModel, _ text: [Int]) -> Double {
  func logs(_ logits: Tensor, _ row: Int) -> [Double] {
    let values = logits.row(row).values.map(Double.init)
    let total = log(values.reduce(0) { $0 + exp($1) })
    return values.map { $0 - total }
  }
  let (p, q) = (model.logits(for: text), copy.logits(for: text))
  return text.indices.reduce(0) { sum, row in
    sum + zip(logs(p, row), logs(q, row)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
  }
}

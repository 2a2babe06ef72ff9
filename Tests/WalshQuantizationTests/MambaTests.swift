import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// What the engine does with an architecture that has no attention.
@Suite("Quantizing Mamba")
struct MambaTests {
  static let kinds = ["mamba", "mamba-tied", "mamba-biases", "mamba-odd", "mamba-original"]
  private static let tolerance = 1e-5

  /// Calls `body` with the folder that `request` makes of `model`.
  private func quantized<R>(
    _ model: TinyModel, _ request: QuantizationRequest, _ body: (Checkpoint) throws -> R
  ) throws -> R {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try model.run(request).write(to: output, existing: .refuse)
      return try body(Checkpoint(folder: output))
    }
  }

  private func error(_ model: TinyModel, _ request: QuantizationRequest) throws -> Double {
    try quantized(model, request) {
      relativeError(try LanguageModel($0).logits(for: model.tokens), model.model.logits(for: model.tokens))
    }
  }

  @Test(
    "At full precision no method changes a logit", arguments: kinds,
    [QuantizationRequest.Method.rtn, .gptq, .smoothquant]
  )
  func methods(_ kind: String, _ method: QuantizationRequest.Method) throws {
    #expect(try error(TinyModel(kind), QuantizationRequest(method: method, preset: .full)) < Self.tolerance)
  }

  @Test("Nor does a rotation of any kind, folded and online", arguments: kinds, RotationKind.allCases)
  func rotations(_ kind: String, _ rotation: RotationKind) throws {
    let model = try TinyModel(kind)
    for online in [false, true] {
      let request = QuantizationRequest(
        method: .rotation, preset: .full, rotation: rotation, usesOnlineRotations: online, seed: 3)
      #expect(try error(model, request) < Self.tolerance)
    }
  }

  @Test("Nor does a rotation of every group at once")
  func overrides() throws {
    var request = QuantizationRequest(method: .smoothquant, preset: .full)
    for role in ["mixer.input", "mixer.scan", "mixer.step", "mixer.output"] {
      request.overrides[role] = GroupOverride(transform: .rotation(.haar))
    }
    #expect(try error(TinyModel("mamba-biases"), request) < Self.tolerance)
    request.overrides = [:]
    request.method = .rotation
    request.overrides["mixer.input"] = GroupOverride(transform: .smoothing)
    request.overrides["mixer.step"] = GroupOverride(transform: .smoothing)
    #expect(try error(TinyModel("mamba-biases"), request) < Self.tolerance)
  }

  @Test("Of the rotations, those of stream and step sizes leave no trace, the others act at run time")
  func places() throws {
    let model = try TinyModel("mamba")
    for (online, names) in [(false, []), (true, ["R2", "R6"])] {
      let request = QuantizationRequest(
        method: .rotation, preset: .full, rotation: .hadamard, usesOnlineRotations: online)
      try quantized(model, request) { result in
        let schemes = try result.configuration().quantization()?.transforms.map(\.name) ?? []
        #expect(schemes.map { String($0.prefix(2)) }.sorted() == names)
        // R5 changed both ends of the pair.
        for layer in ["mixer.x_proj.weight", "mixer.dt_proj.weight"] {
          let name = "backbone.layers.0." + layer
          #expect(try result.tensor(name).tensor() != model.checkpoint.tensor(name).tensor())
        }
      }
    }
  }

  @Test("A rotation of the stream unties the output layer, other methods keep it tied")
  func ties() throws {
    for kind in ["mamba-tied", "mamba-original"] {
      let model = try TinyModel(kind)
      for (method, isTied) in [(QuantizationRequest.Method.rotation, false), (.smoothquant, true)] {
        try quantized(model, QuantizationRequest(method: method, preset: .full)) { result in
          #expect(result.contains("lm_head.weight") == !isTied)
          #expect(try Architecture(result.configuration()).outline.headIsTied == isTied)
          let embedding = try result.tensor("backbone.embeddings.weight").tensor()
          if !isTied { #expect(try result.tensor("lm_head.weight").tensor() != embedding) }
        }
      }
    }
  }

  @Test("Scales are refused where nothing absorbs them", arguments: ["mixer.scan", "mixer.output"])
  func scales(role: String) throws {
    var request = QuantizationRequest(method: .rtn, preset: .full)
    request.overrides[role] = GroupOverride(transform: .smoothing)
    let error = #expect(throws: QuantizationError.self) { try TinyModel("mamba").run(request) }
    #expect(error?.description.contains("nothing before layers.0.\(role) absorbs scales") == true)
  }

  @Test("A 4-bit float format is refused for an odd number of columns")
  func odd() throws {
    var request = QuantizationRequest(method: .rtn, preset: .full)
    request.overrides["mixer.step"] = GroupOverride(weights: .format(.mxfp4))
    let error = #expect(throws: QuantizationError.self) { try TinyModel("mamba-biases").run(request) }
    #expect(error?.description.contains("layers.0.mixer.step has 5; choose an integer format") == true)
    // An even number is packed.
    request.preset = try #require(Preset(named: "MXFP4"))
    try quantized(TinyModel("mamba"), request) {
      #expect($0.contains("backbone.layers.0.mixer.dt_proj.weight_packed"))
    }
  }

  @Test(
    "Every format and solver packs every layer, and a run in parts gives the same bytes",
    arguments: ["MXFP4", "NVFP4", "W4A16", "W8A8"], [QuantizationRequest.Method.rtn, .gptq, .rotation])
  func formats(preset: String, method: QuantizationRequest.Method) throws {
    let model = try TinyModel("mamba-biases")
    let request = QuantizationRequest(method: method, preset: try #require(Preset(named: preset)))
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let reports = try model.run(request).write(to: output, existing: .refuse)
      // The step sizes' projection reads five columns, which two codes a byte cannot say; in integers it has a shape.
      let isFP4 = preset.hasSuffix("FP4")
      #expect(reports.count == model.outline.blocks.count * (isFP4 ? 3 : 4))
      #expect(reports.allSatisfy { $0.weightError > 0 && $0.weightError < 0.05 })
      let result = try LanguageModel(Checkpoint(folder: output))
      let error = relativeError(result.logits(for: model.tokens), model.model.logits(for: model.tokens))
      #expect(error > 0 && error < (preset == "W8A8" ? 0.1 : 0.9))
      // Token by token the quantized model says the same.
      let state = result.makeState()
      for (position, token) in model.tokens.enumerated() {
        let next = result.nextLogits(after: [token], state: state)
        #expect(relativeError(next, result.logits(for: Array(model.tokens[...position])).row(position)) < 1e-4)
      }

      let second = folder.appending(path: "second")
      struct Stop: Error {}
      #expect(throws: Stop.self) {
        try model.run(request).write(to: second, existing: .refuse) { if $0.done == 2 { throw Stop() } }
      }
      _ = try withWorkers(1) { try model.run(request).write(to: second, existing: .resume) }
      #expect(try contents(of: second) == contents(of: output))
    }
  }
}

@Suite("Folding into a projection")
struct ProjectionFoldingTests {
  private static let pair = LinearGroup(
    id: "p", role: "r", layers: ["step"], width: 3, source: .projection(producer: "select", rows: 1..<4))

  private static func weights() -> BlockWeights {
    BlockWeights(tensors: [
      "select.weight": normal([6, 5], "select"), "select.bias": normal([6], "bias"),
      "step.weight": normal([4, 3], "step"),
    ])
  }

  private func result(_ w: BlockWeights, _ x: Tensor) throws -> (Tensor, Tensor) {
    let selected = try w.linear("select")(x)
    return (try w.linear("step")(w.inputStage(of: Self.pair)(selected.columns(1..<4))), selected)
  }

  @Test("It absorbs any map, in its rows alone, with their biases")
  func absorbs() throws {
    let x = normal([7, 5], "x")
    for transform: any LinearTransform in [
      DiagonalTransform([2, 0.5, 3]), try DenseTransform(Tensor([1, 2, 0, 0, 1, 3, 1, 0, 1], shape: [3, 3])),
    ] {
      var w = Self.weights()
      let before = try result(w, x)
      try w.apply(transform, to: Self.pair)
      let after = try result(w, x)
      #expect(w.online.isEmpty && w.changed == ["step.weight", "select.weight", "select.bias"])
      #expect(relativeError(after.0, before.0) < 1e-5)
      #expect(relativeError(after.1.columns(1..<4), before.1.columns(1..<4).transformed(by: transform)) < 1e-5)
      for other in [0..<1, 4..<6] { #expect(after.1.columns(other) == before.1.columns(other)) }
    }
  }

  @Test(
    "What feeds convolution and gate absorbs nothing",
    arguments: [LinearGroup.Source.convolution, .gatedScan(producer: "in", gate: 3..<6)])
  func refusals(source: LinearGroup.Source) throws {
    let group = LinearGroup(id: "p", role: "r", layers: ["step"], width: 3, source: source)
    var w = Self.weights()
    try w.apply(DiagonalTransform([2, 0.5, 3]), to: group)
    #expect(!source.absorbsScales && w.online["p"] is DiagonalTransform && w.changed == ["step.weight"])
  }
}

import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("MR-GPTQ")
struct MRGPTQTests {
  private func plan(_ preset: String, _ change: (inout QuantizationRequest) -> Void = { _ in }) throws -> Plan {
    var request = QuantizationRequest(method: .mrGPTQ, preset: Preset(named: preset)!)
    change(&request)
    return try request.plan(for: TinyModel("llama").outline)
  }

  @Test("Every site has a Hadamard transform of the format's group, or of the size asked for")
  func sites() throws {
    for (preset, size, expected) in [
      ("MXFP4", nil, 32), ("NVFP4", nil, 16), ("NVFP4", 8, 8), ("W4A16", nil, 32), ("MXFP4A16", 16, 16),
    ] as [(String, Int?, Int)] {
      let plan = try plan(preset) { $0.mrGPTQ.blockSize = size }
      #expect(plan.groups.count == 8)
      guard case .fixed(let transform)? = plan.groups["layers.0.attention.input"]?.transform else {
        Issue.record("There is no transform.")
        continue
      }
      let block = try #require(transform as? BlockDiagonalTransform).blocks[0]
      #expect(block.matrix() == (try HadamardTransform(order: expected)).matrix(), "\(preset)")
    }
  }

  @Test("Where groups do not divide a width, the rest has the largest Hadamard transform there is")
  func rest() throws {
    let transform = MRGPTQMethod.blockHadamard(172, size: 32)
    #expect(transform.dimension == 172 && transform.isOrthogonal)
    let blocks = try #require(transform as? BlockDiagonalTransform).blocks
    #expect(blocks.map(\.dimension) == [160, 12])
    #expect(blocks[1].matrix() == (try HadamardTransform(order: 12)).matrix())
    #expect(MRGPTQMethod.blockHadamard(24, size: 32).matrix() == (try HadamardTransform(order: 24)).matrix())
    // No Hadamard matrix has the order 6: three of order 2.
    #expect(MRGPTQMethod.blockHadamard(38, size: 32).isOrthogonal)
  }

  @Test(
    "Quantizers off, the model computes what it computed", arguments: ["llama", "llama-biases", "qwen2", "qwen3"])
  func invariant(_ kind: String) throws {
    let model = try TinyModel(kind)
    for size in [8, 16, 32, 128] {
      var request = QuantizationRequest(method: .mrGPTQ, preset: .full)
      request.mrGPTQ.blockSize = size
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        _ = try model.run(request).write(to: output, existing: .refuse)
        let logits = try LanguageModel(Checkpoint(folder: output)).logits(for: model.tokens)
        #expect(relativeError(logits, model.model.logits(for: model.tokens)) < 1e-5)
      }
    }
  }

  @Test("GPTQ has static scales, and a second moment of activations that are not rounded")
  func solver() throws {
    let expected = GPTQ(scales: .shrunk, inputs: .exact)
    #expect(try plan("MXFP4").groups["layers.0.mlp.input"]?.solver == .gptq(expected))
    let byActivation = GPTQ(ordersByActivation: true, scales: .minMax, inputs: .exact)
    #expect(
      try plan("MXFP4") { ($0.solver, $0.mrGPTQ.scales) = (.gptqByActivation, .absmax) }
        .groups["layers.0.mlp.input"]?.solver == .gptq(byActivation))
    #expect(expected.description == "GPTQ, exact inputs")
  }

  /// The output errors of a run whose only format is NVFP4 and whose solver has H of the given inputs.
  private func reports(_ inputs: GPTQ.Inputs, _ preset: String) throws -> [LayerReport] {
    var plan = try plan(preset)
    for id in plan.groups.keys { plan.groups[id]?.solver = .gptq(GPTQ(inputs: inputs)) }
    return try withTemporaryFolder { folder in
      try QuantizationRun(
        source: TinyModel("llama").checkpoint, request: QuantizationRequest(method: .rtn, preset: .full), plan: plan,
        calibration: TinyModel.calibration()
      ).write(to: folder.appending(path: "out"), existing: .refuse)
    }
  }

  @Test("Exact and rounded inputs give different second moments, and the same where activations are not rounded")
  func inputs() throws {
    #expect(try reports(.exact, "MXFP4A16") == reports(.quantized, "MXFP4A16"))
    let (exact, rounded) = (try reports(.exact, "MXFP4"), try reports(.quantized, "MXFP4"))
    #expect(zip(exact, rounded).allSatisfy { $0.outputError != $1.outputError })
  }

  @Test("NVFP4: the layers of a group share their tensor scale")
  func tensorScale() throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let model = try TinyModel("llama")
      _ = try model.run(QuantizationRequest(method: .mrGPTQ, preset: Preset(named: "NVFP4")!))
        .write(to: output, existing: .refuse)
      let result = try Checkpoint(folder: output)
      var different: Set<Float> = []
      for group in model.outline.blocks.flatMap(\.groups) {
        let scales = try group.layers.map { try result.tensor($0 + ".weight_global_scale").tensor()[0] }
        #expect(Set(scales).count == 1, "\(group.id)")
        different.insert(scales[0])
      }
      #expect(different.count == 8)
    }
  }

  // MARK: Shrunk scales

  /// Σ |x̂ − x|^2.4 of each row, whose only group it is.
  private func errors(_ x: Tensor, _ y: Tensor) -> [Double] {
    (0..<x.rowCount).map { row in
      zip(x.row(row).values, y.row(row).values).reduce(0) { $0 + pow(abs(Double($1.0 - $1.1)), 2.4) }
    }
  }

  @Test("The search takes the best of all shrunk scales, by the error to the power of 2.4")
  func shrunk() {
    let cases: [(NumericFormat, Int)] = [(.mxfp4, 32), (.nvfp4(.compressedTensors), 16), (.int(4, group: 32), 32)]
    for (format, width) in cases {
      let x = normal([200, width], "shrunk").scalingColumns(by: Tensor((0..<width).map { $0 == 3 ? 6 : 1 }))
      let amax = x.maxMagnitude
      let found = errors(x, Quantizer(format: format, search: .shrunk).fakeQuantize(x, amax: amax))
      var best = [Double](repeating: .infinity, count: 200)
      for i in 0..<100 {
        let p = 1 - 0.008 * Float(i)
        let clipped = Quantizer(format: format, clip: ClipRatio(lower: p, upper: p)).fakeQuantize(x, amax: amax)
        best = zip(best, errors(x, clipped)).map { min($0, $1) }
      }
      #expect(relativeError(found, best) < 1e-6, "\(format)")
      let plain = errors(x, Quantizer(format: format).fakeQuantize(x, amax: amax))
      #expect(found.reduce(0, +) < 0.999 * plain.reduce(0, +), "\(format)")
    }
  }

  @Test("Groups of zeros and of NaN take the rule's scale")
  func degenerate() {
    let x = Tensor((0..<64).map { $0 == 40 ? .nan : $0 < 32 ? 0 : 1 }, shape: [2, 32])
    let (plain, shrunk) = (Quantizer(format: .mxfp4), Quantizer(format: .mxfp4, search: .shrunk))
    #expect(shrunk.blockScales(of: x) == plain.blockScales(of: x))
  }
}

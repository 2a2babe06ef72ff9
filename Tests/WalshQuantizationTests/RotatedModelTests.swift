import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// The network that rotations are learned in.
@Suite("Models as functions of their rotations")
struct RotatedModelTests {
  /// The plan of a method, and uniformly random rotations for it.
  private func prepared(
    _ kind: String, _ preset: Preset
  ) throws -> (TinyModel, Plan, RotatedModel, [String: Tensor]) {
    let tiny = try TinyModel(kind)
    let plan = try SpinQuantMethod(solver: .roundToNearest(.minMax), seed: 4).plan(
      for: tiny.outline, preset: preset, exceptions: LayerSelection([]))
    let start = RotationLearning.start(of: plan, tiny.outline)
    #expect(start.keys.count == 1 + tiny.outline.blocks.count)
    var rotations: [String: Tensor] = [:]
    for (name, matrix) in start {
      #expect(relativeError(Tensor(matrix * matrix.transposed), .identity(matrix.rows)) < 1e-6)
      rotations[name] = Rotation.haar(matrix.rows, RandomStream(seed: 8, purpose: "test/\(name)")).matrix()
    }
    let model = try RotatedModel(plan, of: tiny.model.architecture, source: tiny.checkpoint)
    return (tiny, plan, model, rotations)
  }

  @Test("Without quantizers no rotation changes a logit", arguments: TinyModel.kinds)
  func invariance(_ kind: String) throws {
    let (tiny, _, model, rotations) = try prepared(kind, .full)
    let batch = CalibrationBatch([tiny.tokens[...], tiny.tokens.reversed()[...]])
    let logits = try model.logits(of: batch, rotations: rotations)
    for (i, tokens) in [tiny.tokens, tiny.tokens.reversed()].enumerated() {
      let expected = tiny.model.logits(for: Array(tokens.dropLast()))
      #expect(relativeError(logits.row(i), expected) < 1e-5)
    }
  }

  /// Activations or the cache, not both: what the first token's attention returns are numbers of the cache, many of them
  /// half-way between two numbers of its activation, where the rounding of Float32 decides.
  static let presets = [
    Preset(name: "W4A4", weights: .intPerRow(4), activations: .intPerRow(4)),
    Preset(name: "W4KV4", weights: .intPerRow(4), cache: .intPerRow(4, symmetric: false)),
  ]

  @Test(
    "With quantizers it is the network that the engine writes", arguments: ["llama", "llama-tied", "qwen3"], presets)
  func written(_ kind: String, _ preset: Preset) throws {
    let (tiny, plan, model, rotations) = try prepared(kind, preset)
    let state = PreparationState(matrices: rotations.mapValues { Matrix($0) })
    var complete = try RotationLearning(settings: SpinQuantSettings(), seed: 0).completed(plan, with: state)
    complete.preparation = nil
    let learned = try model.logits(of: CalibrationBatch([tiny.tokens[...]]), rotations: rotations).row(0)
    let tokens = Array(tiny.tokens.dropLast())
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let run = try QuantizationRun(
        source: tiny.checkpoint, request: QuantizationRequest(method: .spinquant, preset: preset), plan: complete,
        calibration: nil)
      _ = try run.write(to: output, existing: .refuse)
      let written = try LanguageModel(Checkpoint(folder: output)).logits(for: tokens)
      #expect(relativeError(written, tiny.model.logits(for: tokens)) > 0.1)
      #expect(relativeError(learned, written) < 1e-5)
    }
  }

  @Test("Gradients by R1 and R2 are those of finite differences", arguments: ["llama", "llama-biases", "qwen3"])
  func gradients(_ kind: String) throws {
    let (tiny, _, model, rotations) = try prepared(kind, .full)
    let batch = CalibrationBatch([tiny.tokens[...], tiny.tokens.dropFirst(3)])
    func loss(_ rotations: [String: Tensor]) throws -> Double {
      let losses = try model.logits(of: batch, rotations: rotations).negativeLogLikelihood(of: batch.targets)
      let counted = zip(losses, batch.isCounted).filter(\.1).map(\.0)
      return counted.reduce(0, +) / Double(counted.count)
    }
    for name in rotations.keys.sorted() {
      var tracked = rotations
      let variable = try #require(rotations[name]).tracked()
      tracked[name] = variable
      let value = try model.loss(of: batch, rotations: tracked)
      #expect(abs(Double(value[]) - (try loss(rotations))) < 1e-5)
      let gradient = value.gradients(of: [variable])[0]
      // Along the gradient and along a random direction; outside of the rotations, too, where the loss is not flat.
      for direction in [gradient, normal(gradient.shape, "direction")] {
        let unit = direction * Float(1 / direction.sumOfSquares.squareRoot())
        func moved(by step: Float) throws -> Double {
          var other = rotations
          other[name] = variable.detached() + unit * step
          return try loss(other)
        }
        let h: Float = 0.02
        let slope = try (8 * (moved(by: h) - moved(by: -h)) - (moved(by: 2 * h) - moved(by: -2 * h))) / Double(12 * h)
        let expected = zip(gradient.values, unit.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(slope - expected) < 2e-3 * gradient.sumOfSquares.squareRoot(), "\(name): \(slope), \(expected)")
      }
    }
  }

  @Test("Weights are rounded while learning when they are rounded to nearest, or when nothing else is")
  func roundedWeights() throws {
    let outline = try TinyModel("llama").outline
    let group = outline.blocks[0].groups[0]
    func format(_ preset: String, _ solver: WeightSolver) throws -> NumericFormat? {
      try SpinQuantMethod(solver: solver).plan(
        for: outline, preset: #require(Preset(named: preset)), exceptions: LayerSelection([])
      ).weightsWhileLearning(of: group)
    }
    #expect(try format("W4A4KV4", .roundToNearest(.minMax)) == .intPerRow(4))
    #expect(try format("W4A4KV4", .gptq(GPTQ())) == nil)
    #expect(try format("int4", .gptq(GPTQ())) == .intPerRow(4))
    #expect(try format("full", .gptq(GPTQ())) == nil)
  }

  @Test("Samples of a batch are filled up, and what is filled in does not count")
  func batches() throws {
    let batch = CalibrationBatch([[5, 6, 7], [8, 9]])
    #expect(batch.inputs == [5, 6, 8, 0] && batch.targets == [6, 7, 9, 0])
    #expect(batch.isCounted == [true, true, true, false])
    let text = CalibrationText(samples: (0..<5).map { [$0, $0 + 10, $0 + 20] } + [[3]], source: "test")
    // Five steps of two samples are two epochs: every sample twice, cut to two tokens.
    let served = try (0..<5).flatMap { try #require(text.batch($0, size: 2, length: 2, seed: 1)).inputs }
    #expect(served.sorted() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    #expect(Set(served.prefix(5)) == [0, 1, 2, 3, 4])
    #expect(CalibrationText(samples: [[3]], source: "test").batch(0, size: 2, length: 2, seed: 1) == nil)
    #expect(text.batch(0, size: 100, length: 9, seed: 1)?.sampleCount == 5)
  }

  @Test("Filled-up samples have the loss of the samples alone")
  func filling() throws {
    let (tiny, _, model, rotations) = try prepared("llama", try #require(Preset(named: "W4A4KV4")))
    let samples = [tiny.tokens[...], tiny.tokens[..<7]]
    let together = try model.loss(of: CalibrationBatch(samples), rotations: rotations)[]
    let alone = try samples.map { try model.loss(of: CalibrationBatch([$0]), rotations: rotations)[] }
    #expect(abs(together - (23 * alone[0] + 6 * alone[1]) / 29) < 1e-4)
  }
}

import TestSupport
import Testing
import WalshTensor
import WalshTraining

@Suite("Optimisers")
struct OptimizerTests {
  /// Made with torch 2.13: torch.optim.AdamW(lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1).
  static let steps: [(gradient: [Float], weights: [Float])] = [
    ([0.1, -0.2, 0, 4], [0.9890000224113464, -1.9880000352859497, 0.49950000643730164, 2.986999988555908]),
    ([0.3, 0.2, -1e-4, -4], [0.9789241552352905, -1.9865384101867676, 0.5063490867614746, 2.98453950881958]),
    ([-0.5, 0.1, 1e-4, 1], [0.9795272946357727, -1.9870877265930176, 0.5053964853286743, 2.980834484100342]),
  ]

  @Test("AdamW makes the steps that torch makes")
  func torch() {
    var weights = [Tensor([1, -2, 0.5, 3])]
    var optimizer = AdamW(shapes: [[4]], settings: [AdamW.Settings(weightDecay: 0.1)])
    for (gradient, expected) in Self.steps {
      optimizer.update(&weights, with: [Tensor(gradient)], learningRate: 0.01)
      #expect(relativeError(weights[0], Tensor(expected)) < 2e-7)
    }
    #expect(optimizer.updateCount == 3)
  }

  @Test("Decay shrinks a weight by 1 − ηλ and leaves the moments alone")
  func decay() {
    var weights = [Tensor([2]), Tensor([2])]
    var optimizer = AdamW(
      shapes: [[1], [1]],
      settings: [AdamW.Settings(weightDecay: 0.5), AdamW.Settings(learningRateFactor: 0.5, weightDecay: 0.5)])
    optimizer.update(&weights, with: [Tensor([0]), Tensor([0])], learningRate: 0.1)
    #expect(weights[0].values == [2 * Float(1 - 0.05)])
    #expect(weights[1].values == [2 * Float(1 - 0.025)])
    #expect(optimizer.means[0].values == [0])
    #expect(optimizer.meanSquares[0].values == [0])
  }

  @Test("Norms, biases and embeddings are not decayed unless told otherwise")
  func groups() {
    let settings = AdamW.Settings(weightDecay: 0.1)
    func decay(_ name: String) -> Double { settings.adjusted(for: name, by: [.undecayed]).weightDecay }
    #expect(decay("model.layers.0.input_layernorm.weight") == 0)
    #expect(decay("model.norm.weight") == 0)
    #expect(decay("model.embed_tokens.weight") == 0)
    #expect(decay("model.layers.0.self_attn.q_proj.bias") == 0)
    #expect(decay("model.layers.0.mlp.up_proj.weight") == 0.1)
    let group = ParameterGroup(endings: ["up_proj.weight"], learningRateFactor: 0.25)
    let adjusted = settings.adjusted(for: "model.layers.0.mlp.up_proj.weight", by: [group, .undecayed])
    #expect(adjusted.learningRateFactor == 0.25)
    #expect(adjusted.weightDecay == 0.1)
  }

  @Test("A gradient above the limit is scaled to it, one below is not touched, NaN is reported")
  func clipping() {
    var gradients = [Tensor([3, 0]), Tensor([0, 4])]
    #expect(gradients.clip(toGlobalNorm: 6) == 5)
    #expect(gradients[1].values == [0, 4])
    #expect(gradients.clip(toGlobalNorm: 1) == 5)
    #expect(abs(gradients.globalNorm - 1) < 1e-7)
    #expect(relativeError(gradients[0], Tensor([0.6, 0])) < 1e-7)
    var broken = [Tensor([.nan, 1])]
    #expect(broken.clip(toGlobalNorm: 1).isNaN)
    #expect(broken[0].values[1] == 1)
  }

  @Test(
    "Schedules have the formula's rates",
    arguments: [
      (Schedule.Shape.constant, [0.25, 1, 1, 1, 1]), (.linear, [0.25, 1, 1, 0.55, 0.1 + 0.9 / 16]),
      (.cosine, [0.25, 1, 1, 0.55, 0.1086475]), (.wsd, [0.25, 1, 1, 1, 0.325]),
    ])
  func schedules(_ shape: Schedule.Shape, _ expected: [Double]) {
    let schedule = Schedule(
      shape: shape, peak: 1, finalShare: 0.1, warmUp: 4, decayShare: 0.2, steps: 20)
    for (step, rate) in zip([0, 3, 4, 12, 19], expected) {
      #expect(abs(schedule.rate(at: step) - rate) < 1e-6, "step \(step) of \(shape)")
    }
  }
}

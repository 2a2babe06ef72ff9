import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshTensor

@testable import WalshTraining

@Suite("Which layers stay in bfloat16, and when")
struct RecipeSelectionTests {
  private let x = RecipeFixtures.heavy(32, 64, "x")
  private let w = RecipeFixtures.normal(48, 64, "w")
  private let e = RecipeFixtures.heavy(32, 48, "e")

  private func blocks(_ layers: HighPrecisionLayers, of count: Int) -> [Int] {
    (0..<count).filter { layers.contains(RecipeFixtures.layer(block: $0, of: count)) }
  }

  @Test(
    "2.2 the last ⌈0.15·L⌉ blocks",
    arguments: [(4, 1), (6, 1), (7, 2), (12, 2), (20, 3), (40, 6), (62, 10), (100, 15)])
  func lastBlocks(count: Int, kept: Int) {
    #expect(blocks(.lastBlocks(fraction: 0.15), of: count) == Array(count - kept..<count))
  }

  @Test("first and last blocks, lists, and none")
  func rules() {
    #expect(blocks(.blocks(first: 2, last: 8), of: 62) == [0, 1] + Array(54..<62))
    #expect(blocks(.none, of: 9).isEmpty)
    let listed = HighPrecisionLayers.listed(["model.layers.3", "model.layers.5.mlp.up_proj"])
    for (path, isKept) in [
      ("model.layers.3.mlp.up_proj", true), ("model.layers.31.mlp.up_proj", false),
      ("model.layers.5.mlp.up_proj", true), ("model.layers.5.mlp.down_proj", false),
    ] { #expect(listed.contains(RecipeFixtures.layer(path)) == isKept) }
  }

  @Test("5.10 with all layers kept every recipe equals bfloat16, bit for bit")
  func allKept() {
    var configuration = NVFP4Configuration()
    configuration.highPrecisionLayers = .lastBlocks(fraction: 1)
    let kept = RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e)
    let plain = RecipeFixtures.run(.bf16, x, w, e)
    #expect(bitPatterns(kept.y) == bitPatterns(plain.y))
    #expect(bitPatterns(kept.dx) == bitPatterns(plain.dx))
    #expect(bitPatterns(kept.dw) == bitPatterns(plain.dw))
    // And the default keeps the last three of twenty blocks.
    let last = RecipeFixtures.run(NVFP4Recipe(), x, w, e, layer: RecipeFixtures.layer(block: 17))
    #expect(last.y == plain.y && last.dx == plain.dx && last.dw == plain.dw)
    #expect(RecipeFixtures.run(NVFP4Recipe(), x, w, e, layer: RecipeFixtures.layer(block: 16)).y != plain.y)
  }

  @Test("5.11 the late switch to bfloat16 at its step")
  func lateSwitch() {
    var configuration = NVFP4Configuration()
    configuration.lateSwitch = LateSwitch()
    let recipe = NVFP4Recipe(configuration)
    func run(_ step: Int) -> (y: Tensor, dx: Tensor, dw: Tensor) {
      RecipeFixtures.run(recipe, x, w, e, layer: RecipeFixtures.layer(step: step))
    }
    let plain = RecipeFixtures.run(.bf16, x, w, e)
    #expect(run(81).y == RecipeFixtures.run(NVFP4Recipe(), x, w, e).y && run(81).y != plain.y)
    for step in [82, 99] { #expect(run(step).y == plain.y && run(step).dx == plain.dx && run(step).dw == plain.dw) }
  }

  @Test(
    "2.6 the late switch of the forward product leaves the gradients as they were",
    arguments:
      NVFP4Configuration.WeightScaling.allCases)
  func lateForwardSwitch(scaling: NVFP4Configuration.WeightScaling) {
    var configuration = NVFP4Configuration()
    configuration.weightScaling = scaling
    let before = RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e, layer: RecipeFixtures.layer(step: 90))
    configuration.lateSwitch = LateSwitch(after: 0.82, scope: .forward)
    let after = RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e, layer: RecipeFixtures.layer(step: 90))
    #expect(after.y == RecipeFixtures.run(.bf16, x, w, e).y)
    #expect(after.dw == before.dw)
    if scaling != .inputsOnly { #expect(after.dx == before.dx) }
  }

  @Test("automatic choice: the layers with the largest error of dW")
  func measured() throws {
    var configuration = NVFP4Configuration()
    configuration.highPrecisionLayers = .largestGradientError(fraction: 0.3, steps: 2)
    let recipe = NVFP4Recipe(configuration)
    let state = try #require(recipe.state)
    // In layer 2 one token has huge activations and a small gradient, which hurts its neighbours in the block.
    var (outliers, small) = (x, e)
    outliers.replaceRows([5], with: x.rows(5..<6) * 100)
    small.replaceRows([5], with: e.rows(5..<6) * 0.001)
    let plain = RecipeFixtures.run(.bf16, x, w, e)
    func train(_ recipe: NVFP4Recipe, step: Int) {
      for block in 0..<3 {
        let layer = RecipeFixtures.layer("layers.\(block)", block: block, of: 3, step: step)
        let found = RecipeFixtures.run(
          recipe, block == 2 ? outliers : x, w, block == 2 ? small : e, layer: layer)
        if block != 2 { #expect(found.y == plain.y && found.dw == plain.dw) }
      }
      recipe.state?.endOfStep(step)
    }
    train(recipe, step: 0)
    let resumed = NVFP4Recipe(configuration)
    try #require(resumed.state).restore(JSON(parsing: state.save().serialized()))
    for recipe in [recipe, resumed] {
      train(recipe, step: 1)
      let kept = (0..<3).filter { block in
        recipe.products(for: RecipeFixtures.layer("layers.\(block)", block: block, of: 3, step: 2)) == .bfloat16
      }
      #expect(kept == [2])
    }
    #expect(resumed.state?.save() == state.save())
    #expect(state.description.contains("layers.2: gradient error"))
    let refused = JSON.object(["ended_steps": 1, "gradient_errors": .object(["a": 3]), "kept": nil])
    #expect(throws: RecipeError.self) { try state.restore(refused) }
  }
}

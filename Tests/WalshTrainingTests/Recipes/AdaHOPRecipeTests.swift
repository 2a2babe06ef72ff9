import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshTensor

@testable import WalshTraining

@Suite("AdaHOP 2.4: calibration, modes and their file")
struct AdaHOPRecipeTests {
  private let w = RecipeFixtures.normal(64, 64, "w")

  private func columnOutliers(_ name: String) -> Tensor {
    var x = RecipeFixtures.normal(64, 64, name)
    x.withUnsafeMutableBufferPointer { x in for i in 0..<64 { x[i * 64 + 5] *= 20 } }
    return x
  }

  private func rowOutliers(_ name: String) -> Tensor { columnOutliers(name).transposed() }

  /// Trains one layer for some steps: X has columns of outliers and E rows, a typical early layer.
  private func calibrate(_ recipe: AdaHOPRecipe, steps: Range<Int>, path: String = "model.layers.0.mlp.up_proj") {
    for step in steps {
      let layer = RecipeFixtures.layer(path, step: step)
      _ = RecipeFixtures.run(recipe, columnOutliers("x\(step)"), w, rowOutliers("e\(step)"), layer: layer)
      recipe.calibration.endOfStep(step)
    }
  }

  private let early = LayerModes(forward: .hadamard, inputGradient: .extractLeft, weightGradient: .fullPrecision)

  @Test("30 steps in bfloat16 vote, then the modes are set and frozen")
  func calibration() throws {
    let recipe = AdaHOPRecipe()
    let layer = RecipeFixtures.layer()
    let (x, e) = (columnOutliers("x"), rowOutliers("e"))
    calibrate(recipe, steps: 0..<29)
    #expect(recipe.calibration.isCalibrating)
    let during = RecipeFixtures.run(recipe, x, w, e)
    let plain = RecipeFixtures.run(.bf16, x, w, e)
    #expect(during.y == plain.y && during.dx == plain.dx && during.dw == plain.dw)
    calibrate(recipe, steps: 29..<30)
    #expect(!recipe.calibration.isCalibrating)
    #expect(recipe.calibration.patterns[layer.path] == LayerPatterns(x: .column, w: .none, gradient: .row))
    #expect(recipe.calibration.modes(of: layer.path) == early)
    #expect(recipe.products(for: layer) == recipe.configuration.products(early))
    // Frozen: other tensors change nothing, and what the calibration did not see is not rotated.
    calibrate(recipe, steps: 30..<33)
    _ = RecipeFixtures.run(recipe, w, w, w, layer: RecipeFixtures.layer(step: 34))
    recipe.calibration.endOfStep(34)
    #expect(recipe.calibration.modes(of: layer.path) == early)
    #expect(recipe.calibration.modes(of: "other") == .all(.none))
    #expect(recipe.calibration.description.contains("input gradient inner_outlier_extract_left"))
  }

  @Test("Lv1 quantizes where Lv2 falls back to bfloat16")
  func levels() throws {
    let recipe = try #require(try MatmulRecipes.named("adahop-lv1") as? AdaHOPRecipe)
    calibrate(recipe, steps: 0..<30)
    #expect(recipe.calibration.modes(of: RecipeFixtures.layer().path)?.weightGradient == .extractRight)
  }

  @Test("only training observes; of several micro-batches the last counts")
  func observation() {
    var configuration = AdaHOPConfiguration()
    configuration.calibrationSteps = 1
    let recipe = AdaHOPRecipe(configuration)
    let layer = RecipeFixtures.layer()
    _ = RecipeFixtures.run(recipe, w, w, w, layer: layer)
    _ = RecipeFixtures.run(recipe, columnOutliers("x"), w, rowOutliers("e"), layer: layer)
    // An evaluation between the steps.
    _ = recipe.product(rowOutliers("evaluation"), w, layer: layer)
    recipe.calibration.endOfStep(0)
    #expect(recipe.calibration.patterns[layer.path] == LayerPatterns(x: .column, w: .none, gradient: .row))
  }

  @Test("calibration in MXFP4, as in AMD's port")
  func calibrationInMXFP4() {
    var configuration = AdaHOPConfiguration()
    configuration.calibrationMode = .none
    configuration.roundsStochastically = false
    let recipe = AdaHOPRecipe(configuration)
    let (x, e) = (columnOutliers("x"), rowOutliers("e"))
    let (a, b) = (RecipeFixtures.run(recipe, x, w, e), RecipeFixtures.run(.mxfp4, x, w, e))
    #expect(a.y == b.y && a.dx == b.dx && a.dw == b.dw)
  }

  @Test("5.13 `none` everywhere is plain MXFP4, bit for bit")
  func noneEverywhere() throws {
    var configuration = AdaHOPConfiguration()
    configuration.roundsStochastically = false
    let recipe = AdaHOPRecipe(configuration)
    try recipe.calibration.restore(.object(["per_layer_modes": .object([:])]))
    let (x, e) = (RecipeFixtures.heavy(70, 64, "x"), RecipeFixtures.heavy(70, 64, "e"))
    let (a, b) = (RecipeFixtures.run(recipe, x, w, e), RecipeFixtures.run(.mxfp4, x, w, e))
    #expect(bitPatterns(a.y) == bitPatterns(b.y))
    #expect(bitPatterns(a.dx) == bitPatterns(b.dx))
    #expect(bitPatterns(a.dw) == bitPatterns(b.dw))
  }

  @Test("5.12 excluded layers and bfloat16 mode equal the bfloat16 recipe, bit for bit")
  func excluded() throws {
    let recipe = AdaHOPRecipe()
    let path = "model.layers.0.mlp.up_proj"
    try recipe.calibration.restore(
      .object([
        path: .object([
          "forward_y": "full_precision", "backward_gx": "full_precision", "backward_gw": "full_precision",
        ])
      ]))
    let (x, e) = (RecipeFixtures.heavy(70, 64, "x"), RecipeFixtures.heavy(70, 64, "e"))
    let plain = RecipeFixtures.run(.bf16, x, w, e)
    for path in [path, "lm_head", "model.embed_tokens", "model.layers.1.mlp.gate"] {
      let found = RecipeFixtures.run(recipe, x, w, e, layer: RecipeFixtures.layer(path))
      #expect(found.y == plain.y && found.dx == plain.dx && found.dw == plain.dw)
    }
    let gateProjection = RecipeFixtures.run(
      recipe, x, w, e, layer: RecipeFixtures.layer("model.layers.1.mlp.gate_proj"))
    #expect(gateProjection.y != plain.y)
  }

  @Test("5.11 a run that is resumed after the calibration has its modes, and does not calibrate")
  func resumeFrozen() throws {
    let recipe = AdaHOPRecipe()
    calibrate(recipe, steps: 0..<40)
    let bytes = recipe.calibration.save().serialized(pretty: true)
    let resumed = AdaHOPRecipe()
    try resumed.calibration.restore(JSON(parsing: bytes))
    #expect(!resumed.calibration.isCalibrating)
    #expect(resumed.calibration.snapshot.modes == recipe.calibration.snapshot.modes)
    #expect(resumed.calibration.patterns == recipe.calibration.patterns)
    #expect(resumed.calibration.save() == recipe.calibration.save())
    // The bare dictionary of modes is read, too.
    let bare = AdaHOPRecipe()
    try bare.calibration.restore(#require(recipe.calibration.save()["per_layer_modes"]))
    #expect(bare.calibration.snapshot.modes == recipe.calibration.snapshot.modes)
  }

  @Test("5.11 a calibration that is interrupted continues where it was")
  func resumeCalibration() throws {
    let whole = AdaHOPRecipe()
    calibrate(whole, steps: 0..<30)
    let first = AdaHOPRecipe()
    calibrate(first, steps: 0..<10)
    let second = AdaHOPRecipe()
    try second.calibration.restore(JSON(parsing: first.calibration.save().serialized()))
    #expect(second.calibration.snapshot == first.calibration.snapshot)
    calibrate(second, steps: 10..<30)
    #expect(second.calibration.snapshot == whole.calibration.snapshot)
  }

  @Test(
    "files that are not ours are refused with a sentence, and change nothing",
    arguments: [
      #"[]"#, #"{"calibration": {}}"#, #"{"calibration": {"ended_steps": 3, "votes": {"a": {"x": ["row"]}}}}"#,
      #"{"per_layer_modes": {"a": {"forward_y": "hadamard"}}}"#,
      #"{"a": {"forward_y": "hadamard", "backward_gx": "sideways", "backward_gw": "none"}}"#,
      #"{"aggregated_patterns": {"a": {"x": "up", "w": "row", "grad_output": "row"}}, "per_layer_modes": {}}"#,
    ])
  func refused(text: String) throws {
    let recipe = AdaHOPRecipe()
    calibrate(recipe, steps: 0..<2)
    let before = recipe.calibration.snapshot
    let json = try JSON(parsing: Array(text.utf8))
    #expect(throws: RecipeError.self) { try recipe.calibration.restore(json) }
    #expect(recipe.calibration.snapshot == before)
  }
}

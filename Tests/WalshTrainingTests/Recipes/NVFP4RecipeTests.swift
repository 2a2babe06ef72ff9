import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshTraining

@Suite("NVFP4 pretraining: the recipe")
struct NVFP4RecipeTests {
  private let x = RecipeFixtures.heavy(48, 64, "x")
  private let w = RecipeFixtures.normal(80, 64, "w")
  private let e = RecipeFixtures.heavy(48, 80, "e")

  /// Chunks of 16 times the signs, then Sylvester's matrix over 4, by the definition.
  private func rht(_ x: Tensor) -> Tensor {
    let values = x.values
    return Tensor(
      values.indices.map { i in
        let (start, j) = (i / 16 * 16, i % 16)
        return (0..<16).reduce(Float(0)) { sum, k in
          let negations = (0xD7E8 >> k & 1) + (k & j).nonzeroBitCount
          let sign: Float = negations % 2 == 0 ? 1 : -1
          return sum + sign * values[start + k]
        } / 4
      }, shape: x.shape)
  }

  @Test("5.5 the product table is table 2.1")
  func table() {
    func row(_ product: String, _ operand: String, _ axis: String, _ scaling: String, _ tensorScale: String)
      -> RecipeRow
    {
      RecipeRow(
        product: product, operand: operand, source: tensorScale, axis: axis, format: "NVFP4", scaling: scaling,
        tensorScale: tensorScale)
    }
    let expected = [
      row("forward", "X", "inputs", "1×16", "X"),
      row("forward", "W", "inputs", "16×16", "W"),
      RecipeRow(
        product: "input gradient", operand: "E", source: "E", axis: "outputs", format: "NVFP4", scaling: "1×16",
        tensorScale: "E", rounding: "stochastic"),
      RecipeRow(
        product: "input gradient", operand: "W", source: "forward codes", axis: "outputs", format: "NVFP4",
        scaling: "16×16", tensorScale: "W", rounding: "–"),
      RecipeRow(
        product: "weight gradient", operand: "Eᵀ", source: "E", transform: "RHT 16", axis: "tokens", format: "NVFP4",
        scaling: "1×16", tensorScale: "rotated E", rounding: "stochastic"),
      RecipeRow(
        product: "weight gradient", operand: "Xᵀ", source: "X", transform: "RHT 16", axis: "tokens", format: "NVFP4",
        scaling: "1×16", tensorScale: "rotated X", rounding: "nearest"),
    ]
    #expect(NVFP4Recipe().table == expected)
  }

  @Test("5.8 Y, dX and dW are the formulas of the table", arguments: [true, false])
  func formulas(isStochastic: Bool) {
    var configuration = NVFP4Configuration()
    configuration.roundsStochastically = isStochastic
    let layer = RecipeFixtures.layer(step: 5)
    let (y, dx, dw) = RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e, layer: layer)

    func quantize(_ x: Tensor, _ format: NumericFormat = .nvfp4) -> Tensor {
      Quantizer(format: format).fakeQuantize(x)
    }
    func quantizeGradient(_ e: Tensor, _ product: String) -> Tensor {
      let stream = OperandKey(layer: layer, product: product, side: "left").rounding
      return Quantizer(format: .nvfp4, rounding: isStochastic ? .stochastic(stream) : .nearestEven).fakeQuantize(e)
    }
    let weight = quantize(w, .nvfp4Tiles)
    #expect(relativeError(y, RecipeFixtures.product(quantize(x), weight)) < 1e-6)
    #expect(
      relativeError(dx, RecipeFixtures.product(quantizeGradient(e, "input gradient"), weight.transposed())) < 1e-6)
    let (eT, xT) = (rht(e.transposed()), rht(x.transposed()))
    #expect(
      relativeError(dw, RecipeFixtures.product(quantizeGradient(eT, "weight gradient"), quantize(xT))) < 1e-6)
  }

  @Test("5.4 quantizing W in tiles and transposing commute, so forward and backward see one W; 1×16 does not")
  func transposeConsistency() {
    let forward = NVFP4Configuration().products.forward.right
    let key = OperandKey(layer: RecipeFixtures.layer(), product: "forward", side: "right")
    for w in [GoldenMatrices.g1, RecipeFixtures.heavy(40, 72, "ragged")] {
      #expect(
        bitPatterns(forward.prepare(w, key: key).transposed.decoded)
          == bitPatterns(forward.prepare(w.transposed(), key: key).decoded))
      var oneDimensional = NVFP4Configuration()
      oneDimensional.weightScaling = .perProduct
      let along = oneDimensional.products.forward.right.prepare(w, key: key).transposed.decoded
      let across = oneDimensional.products.inputGradient.right.prepare(w.transposed(), key: key).decoded
      let different = zip(along.values, across.values).count { $0 != $1 }
      #expect(different * 10 > w.count * 4)
    }
  }

  @Test("W scaled along the inputs only is the same in both products")
  func inputsOnly() {
    var configuration = NVFP4Configuration()
    configuration.weightScaling = .inputsOnly
    configuration.roundsStochastically = false
    let (_, dx, _) = RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e)
    let quantizer = Quantizer(format: .nvfp4)
    let expected = RecipeFixtures.product(quantizer.fakeQuantize(e), quantizer.fakeQuantize(w).transposed())
    #expect(relativeError(dx, expected) < 1e-6)
  }

  @Test("5.7 stochastic rounding is fresh for every step, micro-batch and layer, and replays")
  func randomness() {
    func gradients(_ layer: LayerContext) -> [Tensor] {
      let result = RecipeFixtures.run(NVFP4Recipe(), x, w, e, layer: layer)
      return [result.dx, result.dw]
    }
    let first = gradients(RecipeFixtures.layer(step: 3))
    let before = Parallel.workerCount
    defer { Parallel.workerCount = before }
    for workers in [1, 2, 8] {
      Parallel.workerCount = workers
      #expect(gradients(RecipeFixtures.layer(step: 3)) == first)
    }
    for other in [
      RecipeFixtures.layer(step: 4), RecipeFixtures.layer(step: 3, microBatch: 1),
      RecipeFixtures.layer("other", step: 3),
    ] {
      let second = gradients(other)
      #expect(second[0] != first[0] && second[1] != first[1])
    }
  }

  @Test("leading axes together are the tokens")
  func leadingAxes() {
    let flat = RecipeFixtures.run(NVFP4Recipe(), x, w, e)
    let deep = RecipeFixtures.run(NVFP4Recipe(), x.reshaped(to: [4, 12, 64]), w, e.reshaped(to: [4, 12, 80]))
    #expect(deep.y.shape == [4, 12, 80] && deep.dx.shape == [4, 12, 64])
    #expect(deep.y.values == flat.y.values && deep.dx.values == flat.dx.values && deep.dw == flat.dw)
  }

  @Test("5.9 zeros give zeros")
  func zeros() {
    let noGradient = RecipeFixtures.run(NVFP4Recipe(), x, w, .zeros(e.shape))
    #expect(noGradient.dx.maxMagnitude == 0 && noGradient.dw.maxMagnitude == 0)
    let noInput = RecipeFixtures.run(NVFP4Recipe(), .zeros(x.shape), w, e)
    #expect(noInput.y.maxMagnitude == 0 && noInput.dw.maxMagnitude == 0 && noInput.dx.maxMagnitude > 0)
  }

  @Test("5.9 one NaN in E gives NaN, not silence, where it goes and nowhere else")
  func nan() {
    var bad = e
    bad[3, 7] = .nan
    let (_, dx, dw) = RecipeFixtures.run(NVFP4Recipe(), x, w, bad)
    #expect((0..<64).allSatisfy { dx[3, $0].isNaN && dw[7, $0].isNaN })
    #expect((0..<64).allSatisfy { dx[4, $0].isFinite && dw[8, $0].isFinite })
  }

  @Test("5.9 gradients of any size keep their precision", arguments: [Float(1e-30), 1e-10, 1e10, 1e30])
  func magnitudes(factor: Float) {
    var configuration = NVFP4Configuration()
    configuration.roundsStochastically = false
    let (_, dx, dw) = RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e * factor)
    let exact = RecipeFixtures.run(.fp32, x, w, e)
    #expect(relativeError(dx * (1 / factor), exact.dx) < 0.2)
    #expect(relativeError(dw * (1 / factor), exact.dw) < 0.2)
  }

  @Test("operands that pass through bfloat16 are quantized from bfloat16")
  func bfloat16Source() {
    var configuration = NVFP4Configuration()
    configuration.passesThroughBFloat16 = true
    let y = NVFP4Recipe(configuration).product(x, w, layer: RecipeFixtures.layer())
    let rounded = NVFP4Recipe().product(x.roundedToBFloat16(), w.roundedToBFloat16(), layer: RecipeFixtures.layer())
    #expect(y == rounded)
    #expect(y != NVFP4Recipe().product(x, w, layer: RecipeFixtures.layer()))
  }

  @Test("2.8 row_scaled_activation: a token's scale does not depend on other tokens")
  func rowScaled() {
    var configuration = NVFP4Configuration()
    configuration.scalesActivationsByRow = true
    var x = x
    x.replaceRows([7], with: x.rows(7..<8) * 1e6)
    let y = NVFP4Recipe(configuration).product(x, w, layer: RecipeFixtures.layer())
    for t in [6, 7] {
      let alone = Quantizer(format: .nvfp4).fakeQuantize(x.rows(t..<t + 1))
      let expected = RecipeFixtures.product(alone, Quantizer(format: .nvfp4Tiles).fakeQuantize(w))
      #expect(relativeError(y.rows(t..<t + 1), expected) < 1e-6)
    }
    // Under one tensor scale the blocks of ordinary tokens are rounded to zero beside such a token.
    let shared = NVFP4Recipe().product(x, w, layer: RecipeFixtures.layer())
    #expect(shared.rows(6..<7).maxMagnitude == 0)
    #expect(NVFP4Recipe(configuration).table[0].tensorScale == "each row of X")
  }

  @Test("2.8 backward_override: gradients in bfloat16, from the original or the decoded operands")
  func backwardOverride() {
    var configuration = NVFP4Configuration()
    configuration.backwardOverride = .highPrecision
    let high = RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e)
    let plain = RecipeFixtures.run(.bf16, x, w, e)
    #expect(high.dx == plain.dx && high.dw == plain.dw && high.y != plain.y)
    configuration.backwardOverride = .dequantized
    let decoded = RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e)
    let xq = Quantizer(format: .nvfp4).fakeQuantize(x)
    let wq = Quantizer(format: .nvfp4Tiles).fakeQuantize(w)
    let expected = RecipeFixtures.run(.bf16, xq, wq, e)
    #expect(decoded.dx == expected.dx && decoded.dw == expected.dw && decoded.y == high.y)
  }

  @Test("2.8 Four Over Six acts on the chosen forward operands and never on gradients")
  func fourOverSix() {
    let plain = NVFP4Configuration().products
    for choice in NVFP4Configuration.FourOverSix.allCases {
      var configuration = NVFP4Configuration()
      configuration.fourOverSix = choice
      let products = configuration.products
      #expect((products.forward.left != plain.forward.left) == (choice == .activations || choice == .all))
      #expect((products.forward.right != plain.forward.right) == (choice == .weights || choice == .all))
      #expect(products.inputGradient == plain.inputGradient && products.weightGradient == plain.weightGradient)
    }
    var configuration = NVFP4Configuration()
    configuration.fourOverSix = .all
    configuration.fourOverSixError = .squared
    let exact = RecipeFixtures.product(x, w)
    let y = NVFP4Recipe(configuration).product(x, w, layer: RecipeFixtures.layer())
    let expected = RecipeFixtures.product(
      Quantizer(format: .nvfp4FourOverSix).fakeQuantize(x),
      Quantizer(format: .nvfp4(.fourOverSixMSE, tiles: true)).fakeQuantize(w))
    #expect(relativeError(y, expected) < 1e-6)
    #expect(
      relativeError(y, exact) < relativeError(NVFP4Recipe().product(x, w, layer: RecipeFixtures.layer()), exact))
  }

  @Test("4.2 (ii) the RHT lowers the error of dW when channels of X and E have a mean over the tokens")
  func outlierChannels() {
    let x = RecipeFixtures.normal(256, 64, "x").map { $0 + 5 }
    let e = RecipeFixtures.normal(256, 32, "e").map { $0 + 5 }
    let w = RecipeFixtures.normal(32, 64, "w")
    let exact = RecipeFixtures.run(.fp32, x, w, e).dw
    func error(_ rotation: OperandRotation?) -> Double {
      var configuration = NVFP4Configuration()
      configuration.rotation = rotation
      return relativeError(RecipeFixtures.run(NVFP4Recipe(configuration), x, w, e).dw, exact)
    }
    #expect(error(.nvidia) < 0.9 * error(nil))
  }
}

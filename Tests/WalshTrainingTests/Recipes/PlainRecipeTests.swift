import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshTraining

@Suite("Plain recipes, the registry, and products of codes")
struct PlainRecipeTests {
  private let x = RecipeFixtures.heavy(48, 160, "x")
  private let w = RecipeFixtures.normal(136, 160, "w")
  private let e = RecipeFixtures.heavy(48, 136, "e")

  @Test("fp32 is the plain product with its gradients")
  func float32() {
    let found = RecipeFixtures.run(.fp32, x, w, e)
    #expect(relativeError(found.y, RecipeFixtures.product(x, w)) < 1e-6)
    #expect(relativeError(found.dx, RecipeFixtures.product(e, w.transposed())) < 1e-6)
    #expect(relativeError(found.dw, RecipeFixtures.product(e.transposed(), x.transposed())) < 1e-6)
  }

  @Test("5.8 without quantization gradients agree with finite differences to 1e-3", arguments: ["fp32", "bf16"])
  func finiteDifferences(name: String) throws {
    let recipe = try MatmulRecipes.named(name)
    let (x, w, e) = (
      RecipeFixtures.integers(5, 7, "x"), RecipeFixtures.integers(3, 7, "w"), RecipeFixtures.integers(5, 3, "e")
    )
    let found = RecipeFixtures.run(recipe, x, w, e)
    func loss(_ x: Tensor, _ w: Tensor) -> Double { (recipe.product(x, w, layer: RecipeFixtures.layer()) * e).sum }
    for i in 0..<x.count {
      var moved = x
      moved.withUnsafeMutableBufferPointer { $0[i] += 1 }
      #expect(abs(loss(moved, w) - loss(x, w) - Double(found.dx.values[i])) < 1e-3)
    }
    for i in 0..<w.count {
      var moved = w
      moved.withUnsafeMutableBufferPointer { $0[i] += 1 }
      #expect(abs(loss(x, moved) - loss(x, w) - Double(found.dw.values[i])) < 1e-3)
    }
  }

  @Test("bf16 rounds operands to nearest even and keeps NaN and infinity")
  func bfloat16() {
    let values: [Float] = [
      1, 0x1.01p0, 0x1.03p0, 0x1.0101p0, -3.3, .infinity, -.infinity, .greatestFiniteMagnitude, 0x1p-149, -0.0,
    ]
    let rounded: [Float] = [1, 1, 0x1.04p0, 0x1.02p0, -3.296875, .infinity, -.infinity, .infinity, 0, -0.0]
    #expect(bitPatterns(Tensor(values).roundedToBFloat16()) == bitPatterns(Tensor(rounded)))
    #expect(Tensor([.nan]).roundedToBFloat16().values[0].isNaN)
    let found = RecipeFixtures.run(.bf16, x, w, e)
    let (xr, wr, er) = (x.roundedToBFloat16(), w.roundedToBFloat16(), e.roundedToBFloat16())
    let expected = RecipeFixtures.run(.fp32, xr, wr, er)
    #expect(found.y == expected.y && found.dx == expected.dx && found.dw == expected.dw)
  }

  @Test("fp8: tiles of 128 × 128 for W, lines of 128 elsewhere, one W in both products")
  func fp8() {
    let codes = w.packedInTiles128()
    let decoded = codes.unpacked()
    for (rows, columns) in [(0..<128, 0..<128), (128..<136, 0..<128), (0..<128, 128..<160), (128..<136, 128..<160)] {
      let amax = rows.flatMap { i in columns.map { abs(w[i, $0]) } }.max() ?? 0
      let scale = amax / 448
      for i in rows {
        let isNear = columns.allSatisfy { j in
          abs(decoded[i, j] - w[i, j]) <= max(abs(w[i, j]) / 16, scale * 0x1p-10) * 1.001
        }
        #expect(isNear)
        #expect(codes.blockScales.scale(row: i, group: columns.lowerBound / 128) == scale)
      }
    }
    #expect(bitPatterns(w.transposed().packedInTiles128().unpacked()) == bitPatterns(decoded.transposed()))
    let line = Quantizer(format: .fp8(.e4m3, per: .group(128)))
    let found = RecipeFixtures.run(.fp8, x, w, e, layer: RecipeFixtures.layer(block: 1))
    #expect(relativeError(found.y, RecipeFixtures.product(line.fakeQuantize(x), decoded)) < 1e-6)
    #expect(relativeError(found.dx, RecipeFixtures.product(line.fakeQuantize(e), decoded.transposed())) < 1e-6)
    let dw = RecipeFixtures.product(line.fakeQuantize(e.transposed()), line.fakeQuantize(x.transposed()))
    #expect(relativeError(found.dw, dw) < 1e-6)
    let plain = RecipeFixtures.run(.bf16, x, w, e)
    for block in [0, 18, 19] {
      #expect(RecipeFixtures.run(.fp8, x, w, e, layer: RecipeFixtures.layer(block: block)).y == plain.y)
    }
    var bad = w
    bad[3, 3] = .nan
    #expect(bad.packedInTiles128().unpacked()[100, 100].isNaN && bad.packedInTiles128().unpacked()[100, 130].isFinite)
    #expect(Tensor.zeros([4, 4]).packedInTiles128().unpacked().maxMagnitude == 0)
  }

  @Test("mxfp4: blocks of 32 along the contraction of each product")
  func mxfp4() {
    let found = RecipeFixtures.run(.mxfp4, x, w, e)
    func q(_ x: Tensor) -> Tensor { Quantizer(format: .mxfp4).fakeQuantize(x) }
    #expect(relativeError(found.y, RecipeFixtures.product(q(x), q(w))) < 1e-6)
    #expect(relativeError(found.dx, RecipeFixtures.product(q(e), q(w.transposed()))) < 1e-6)
    #expect(relativeError(found.dw, RecipeFixtures.product(q(e.transposed()), q(x.transposed()))) < 1e-6)
  }

  @Test("every recipe is near the exact products, and reaches X and W", arguments: MatmulRecipes.names)
  func near(name: String) throws {
    let exact = RecipeFixtures.run(.fp32, x, w, e)
    let found = RecipeFixtures.run(try MatmulRecipes.named(name), x, w, e, layer: RecipeFixtures.layer(block: 5))
    for (a, b) in [(found.y, exact.y), (found.dx, exact.dx), (found.dw, exact.dw)] {
      #expect(relativeError(a, b) < 0.35)
    }
    #expect(try MatmulRecipes.named(name).name == name)
    #expect(try MatmulRecipes.named(name.uppercased()).table.count == 6)
  }

  @Test("every recipe gives NaN for NaN in any operand", arguments: MatmulRecipes.names)
  func nan(name: String) throws {
    let recipe = try MatmulRecipes.named(name)
    let layer = RecipeFixtures.layer(block: 5)
    func poisoned(_ x: Tensor) -> Tensor {
      var x = x
      x[2, 3] = .nan
      return x
    }
    #expect(RecipeFixtures.run(recipe, x, w, poisoned(e), layer: layer).dx.maxMagnitude.isNaN)
    #expect(RecipeFixtures.run(recipe, x, w, poisoned(e), layer: layer).dw.maxMagnitude.isNaN)
    #expect(RecipeFixtures.run(recipe, poisoned(x), w, e, layer: layer).y.maxMagnitude.isNaN)
    #expect(RecipeFixtures.run(recipe, poisoned(x), w, e, layer: layer).dw.maxMagnitude.isNaN)
    #expect(RecipeFixtures.run(recipe, x, poisoned(w), e, layer: layer).dx.maxMagnitude.isNaN)
  }

  @Test("the options of NVFP4 in any combination, and a sentence for other names")
  func names() throws {
    for option in MatmulRecipes.nvfp4Options {
      let recipe = try #require(try MatmulRecipes.named("nvfp4" + option.name) as? NVFP4Recipe)
      #expect(recipe.configuration != NVFP4Configuration() && recipe.name == "nvfp4" + option.name)
    }
    let recipe = try #require(try MatmulRecipes.named("nvfp4-no-sr-1d-late-forward-no-kept") as? NVFP4Recipe)
    var expected = NVFP4Configuration()
    expected.roundsStochastically = false
    expected.weightScaling = .perProduct
    expected.lateSwitch = LateSwitch(scope: .forward)
    expected.highPrecisionLayers = .none
    #expect(recipe.configuration == expected)
    for name in ["int3", "nvfp4-", "nvfp4-no-rhta", "nvfp4no-rht", ""] {
      #expect {
        try MatmulRecipes.named(name)
      } throws: { error in
        "\(error)".hasPrefix("There is no recipe called “\(name)”; choose one of fp32, bf16, fp8, mxfp4")
      }
    }
  }

  @Test(
    "2.9 block sums and decoded products agree to Float32's order of summation, and with Float64",
    arguments: [
      NumericFormat.mxfp4, .nvfp4, .nvfp4Tiles, .nvfp4(.margin), .mxfp4(.staticThreeQuarters),
    ])
  func arithmetic(format: NumericFormat) throws {
    let key = OperandKey(layer: RecipeFixtures.layer(), product: "forward", side: "left")
    let (a, b) = (RecipeFixtures.heavy(33, 320, "a"), RecipeFixtures.heavy(40, 320, "b"))
    let (left, right) = (
      OperandTreatment.nearest(format).prepare(a, key: key), OperandTreatment.stochastic(format).prepare(b, key: key)
    )
    let exact = RecipeFixtures.product(left.decoded, right.decoded)
    let blockSums = left.product(with: right)
    let decoded = left.decodedProduct(with: right)
    #expect(blockSums == (try #require(right.codes)).multiply(try #require(left.codes)))
    #expect(relativeError(blockSums, exact) < 1e-6 * 320.0.squareRoot())
    #expect(relativeError(decoded, exact) < 1e-6 * 320.0.squareRoot())
  }

  @Test("codes of tiles read along the other axis are multiplied as codes, too")
  func transposedTiles() throws {
    let key = OperandKey(layer: RecipeFixtures.layer(), product: "input gradient", side: "left")
    let (e, w) = (RecipeFixtures.heavy(33, 64, "e"), RecipeFixtures.heavy(64, 48, "w"))
    let left = OperandTreatment.stochastic(.nvfp4).prepare(e, key: key)
    let right = OperandTreatment.nearest(.nvfp4Tiles).prepare(w, key: key).transposed
    let product = left.product(with: right)
    let codes = (try #require(left.codes), try #require(right.transposed.codes?.transposedTiles))
    #expect(product == codes.1.multiply(codes.0))
    #expect(relativeError(product, RecipeFixtures.product(left.decoded, right.decoded)) < 1e-6 * 64.0.squareRoot())
  }

  @Test("what the backward pass keeps of W and X is packed: 4.5 bits a value for NVFP4")
  func savedOperands() throws {
    let saved = LinearProducts(NVFP4Configuration().products, layer: RecipeFixtures.layer()).forward(x, w)
    guard case .prepared(let right) = try #require(saved.savedX), case .packed(let codes) = right.operand,
      case .prepared(let weight) = try #require(saved.savedW), case .packedTransposed = weight.operand
    else {
      Issue.record("X and W are kept as tensors.")
      return
    }
    #expect(codes.byteCount * 16 <= x.count * 9 + 64)
    #expect(right.original == nil && weight.original == nil)
  }
}

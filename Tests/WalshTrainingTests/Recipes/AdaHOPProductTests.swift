import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshTraining

@Suite("AdaHOP 2.5 and 2.6: rotation and outlier extraction")
struct AdaHOPProductTests {
  private func product(_ treatment: ProductTreatment, _ a: Tensor, _ b: Tensor) -> Tensor {
    let product = LayerProduct(treatment: treatment, layer: RecipeFixtures.layer(), name: "forward")
    return product(a, product.prepareRight(b))
  }

  @Test(
    "5.4 without quantization extraction changes nothing, exactly, for numbers that Float32 holds exactly",
    arguments: [
      OutlierExtraction.left(.energy, count: 7), .right(.energy, count: 7), .left(.magnitude, count: 1000),
      .right(.magnitude, count: 3), .leftColumns(.energy, count: 5), .leftColumns(.magnitude, count: 1000), .none,
    ])
  func identity(extraction: OutlierExtraction) {
    let (a, b) = (RecipeFixtures.integers(40, 64, "a"), RecipeFixtures.integers(50, 64, "b"))
    let rotated = OperandTreatment(.float32, rotation: OperandRotation(size: 16))
    let exact = RecipeFixtures.product(a, b)
    for operand in [OperandTreatment.float32, rotated] {
      #expect(product(ProductTreatment(left: operand, right: operand, extraction: extraction), a, b) == exact)
    }
  }

  @Test("5.4 outer rotation is undone, also where the outer axes are padded")
  func outerIdentity() {
    let (a, b) = (RecipeFixtures.integers(33, 64, "a"), RecipeFixtures.integers(50, 64, "b"))
    let treatment = ProductTreatment(left: .float32, right: .float32, outerHadamard: 16)
    #expect(product(treatment, a, b) == RecipeFixtures.product(a, b))
  }

  private let quantized = OperandTreatment.nearest(.mxfp4, rotation: OperandRotation(size: 32))

  @Test(
    "5.5 extracted rows are the bfloat16 product, bit for bit, whatever the outliers' size",
    arguments: [
      Float(1), 30, 1e6,
    ])
  func exactRows(factor: Float) {
    var a = RecipeFixtures.normal(96, 128, "a")
    let outliers = [3, 40, 95]
    a.withUnsafeMutableBufferPointer { a in for i in outliers { for j in 0..<128 { a[i * 128 + j] *= 10 * factor } } }
    let b = RecipeFixtures.normal(64, 128, "b")
    let exact = a.roundedToBFloat16().gatheringRows(outliers).matmulTransposed(b.roundedToBFloat16())
    let left = product(
      ProductTreatment(left: quantized, right: quantized, extraction: .left(.energy, count: 3)), a, b)
    #expect(bitPatterns(left.gatheringRows(outliers)) == bitPatterns(exact))
    // The same matrix on the right: its rows are columns of the product.
    let right = product(
      ProductTreatment(left: quantized, right: quantized, extraction: .right(.energy, count: 3)), b, a)
    let columns = b.roundedToBFloat16().matmulTransposed(a.roundedToBFloat16().gatheringRows(outliers))
    #expect(bitPatterns(right.transposed().gatheringRows(outliers)) == bitPatterns(columns.transposed()))
    // What is left is the product of the cleaned matrix.
    let clean = product(.both(quantized), a.zeroingRows(outliers), b)
    let rest = (0..<96).filter { !outliers.contains($0) }
    #expect(left.gatheringRows(rest) == clean.gatheringRows(rest))
  }

  @Test("the largest rows, ties by the lowest index, at most as many as there are")
  func ranking() {
    let x = Tensor([1, 1, 0, 1.9, 1, 1, 0, 0], shape: [4, 2])
    #expect(OutlierExtraction.Ranking.energy.largestRows(of: x, count: 1) == [1])
    #expect(OutlierExtraction.Ranking.energy.largestRows(of: x, count: 2) == [0, 1])
    #expect(OutlierExtraction.Ranking.magnitude.largestRows(of: x, count: 2) == [0, 1])
    #expect(OutlierExtraction.Ranking.energy.largestRows(of: x, count: 64) == [0, 1, 2, 3])
    let bad = Tensor([1, 1, .nan, 0, 9, 9], shape: [3, 2])
    for ranking in OutlierExtraction.Ranking.allCases { #expect(ranking.largestRows(of: bad, count: 1) == [1]) }
    for ranking in OutlierExtraction.Ranking.allCases {
      for matrix in [x, bad, GoldenMatrices.g1] {
        for count in [1, 2, 64] {
          #expect(
            ranking.largestColumns(of: matrix, count: count)
              == ranking.largestRows(of: matrix.transposed(), count: count))
        }
      }
    }
  }

  @Test("4.2 extracting inner columns of A with the rows of B: CN and CC to 0.039, CR below half of IHT's error")
  func innerColumns() {
    let configuration = AdaHOPConfiguration()
    func error(_ mode: ProductMode, _ pair: String, draw: Int) -> Double {
      let a = outliers(RecipeFixtures.normal(1024, 1024, "a"), "C", draw: "a\(draw)")
      let b = outliers(RecipeFixtures.normal(1024, 1024, "b"), pair.last ?? "N", draw: "b\(draw)").transposed()
      return relativeError(product(configuration.products(.all(mode)).forward, a, b), a.matmulTransposed(b))
    }
    for pair in ["CN", "CC"] { #expect(abs(error(.extractLeftColumns, pair, draw: 0) / 0.039 - 1) < 0.15, "\(pair)") }
    // 0.078 against 0.272 in the specification's one sample; ours spread to 0.108: how many outliers of A and B meet decides.
    for draw in 0..<4 {
      #expect(error(.extractLeftColumns, "CR", draw: draw) * 2 < error(.hadamard, "CR", draw: draw), "draw \(draw)")
    }
  }

  @Test("extraction under an outer rotation makes the extracted lines exact, as it does under an inner one")
  func outerExtraction() {
    var configuration = AdaHOPConfiguration()
    configuration.extractionCount = 16
    let a = outliers(RecipeFixtures.normal(256, 256, "a"), "R", draw: "a")
    let b = RecipeFixtures.normal(256, 256, "b")
    let exact = a.matmulTransposed(b)
    func error(_ mode: ProductMode, _ a: Tensor, _ b: Tensor, _ exact: Tensor) -> Double {
      relativeError(product(configuration.products(.all(mode)).forward, a, b), exact)
    }
    #expect(error(.outerExtractLeft, a, b, exact) * 3 < error(.outerHadamard, a, b, exact))
    let transposed = exact.transposed()
    #expect(error(.outerExtractRight, b, a, transposed) * 3 < error(.outerHadamard, b, a, transposed))
  }

  @Test("the caller's tensors are never changed")
  func untouched() {
    let (a, b) = (RecipeFixtures.normal(64, 32, "a"), RecipeFixtures.normal(64, 32, "b"))
    let (a0, b0) = (a.values, b.values)
    for extraction in [OutlierExtraction.left(.energy, count: 8), .right(.energy, count: 8)] {
      _ = product(ProductTreatment(left: quantized, right: quantized, extraction: extraction), a, b)
    }
    #expect(a.values == a0 && b.values == b0)
  }

  /// Section 4.2: plain, IHT, OHT, OE-left, OE-right.
  private static let study: [(pair: String, errors: [Double])] = [
    ("RR", [0.191, 0.157, 0.188, 0.039, 0.148]), ("RC", [0.161, 0.160, 0.160, 0.040, 0.040]),
    ("RN", [0.157, 0.157, 0.158, 0.039, 0.152]), ("CR", [0.379, 0.314, 0.378, 0.295, 0.297]),
    ("CC", [0.189, 0.151, 0.186, 0.142, 0.037]), ("CN", [0.188, 0.153, 0.188, 0.145, 0.148]),
    ("NR", [0.186, 0.153, 0.186, 0.148, 0.144]), ("NC", [0.159, 0.159, 0.159, 0.154, 0.040]),
    ("NN", [0.158, 0.158, 0.158, 0.152, 0.152]),
  ]

  /// `x`, square, with 16 rows or columns of it times 30; which ones, `draw` decides.
  private func outliers(_ x: Tensor, _ pattern: Character, draw: String) -> Tensor {
    var x = x
    let n = x.columns
    let stream = RandomStream(seed: 5, purpose: "test/lines/\(draw)")
    let lines = (0..<n).sorted { stream.word(at: $0) < stream.word(at: $1) }.prefix(16)
    x.withUnsafeMutableBufferPointer { x in
      for line in lines {
        for i in 0..<n {
          if pattern == "R" { x[line * n + i] *= 30 }
          if pattern == "C" { x[i * n + line] *= 30 }
        }
      }
    }
    return x
  }

  @Test("4.2 the synthetic study of all nine pairs")
  func pairStudy() {
    var errors: [String: [Double]] = [:]
    let configuration = AdaHOPConfiguration()
    let (normalA, normalB) = (RecipeFixtures.normal(1024, 1024, "a"), RecipeFixtures.normal(1024, 1024, "b"))
    let modes: [ProductMode] = [.none, .hadamard, .outerHadamard, .extractLeft, .extractRight]
    for (pair, expected) in Self.study {
      // Where both operands have outliers, a few numbers make up most of the product, so draws are averaged.
      let draws = pair.contains("N") ? 1 : 4
      var squares = modes.map { _ in 0.0 }
      for draw in 0..<draws {
        // The product takes B [k, n]; operands are stored with the contraction last.
        let a = outliers(normalA, pair.first ?? "N", draw: "a\(draw)")
        let b = outliers(normalB, pair.last ?? "N", draw: "b\(draw)").transposed()
        let exact = a.matmulTransposed(b)
        for (i, mode) in modes.enumerated() {
          let y = product(configuration.products(.all(mode)).forward, a, b)
          squares[i] += (y - exact).sumOfSquares / exact.sumOfSquares / Double(draws)
        }
      }
      let found = squares.map { $0.squareRoot() }
      for (error, target) in zip(found, expected) { #expect(abs(error / target - 1) < 0.15, "\(pair) \(found)") }
      errors[pair] = found
    }
    for (pair, found) in errors {
      let (plain, inner, outer, left, right) = (found[0], found[1], found[2], found[3], found[4])
      if ["CN", "NR", "CC", "RR", "CR"].contains(pair) {
        #expect(inner < 0.9 * plain, "\(pair)")
      } else {
        #expect(abs(inner / plain - 1) < 0.03, "\(pair)")
      }
      #expect(abs(outer / plain - 1) < 0.03, "\(pair)")
      // Wrong side: like IHT.
      func check(_ error: Double, isRightSide: Bool) {
        if isRightSide {
          #expect(error * 3 < inner, "\(pair)")
        } else {
          #expect(abs(error / inner - 1) < 0.08, "\(pair)")
        }
      }
      check(left, isRightSide: pair.hasPrefix("R"))
      check(right, isRightSide: pair.hasSuffix("C"))
    }
  }

  @Test("5.9 gradients are the formulas of each mode, and reach W", arguments: ProductMode.allCases)
  func formulas(mode: ProductMode) {
    var configuration = AdaHOPConfiguration()
    configuration.roundsStochastically = false
    configuration.extractionCount = 8
    let (x, w, e) = (
      RecipeFixtures.heavy(96, 64, "x"), RecipeFixtures.normal(64, 64, "w"), RecipeFixtures.heavy(96, 64, "e")
    )
    let recipe = TableRecipe(name: "test", products: configuration.products(.all(mode)))
    let (y, dx, dw) = RecipeFixtures.run(recipe, x, w, e)
    let treatment = configuration.products(.all(mode)).forward
    #expect(y == product(treatment, x, w))
    #expect(dx == product(treatment, e, w.transposed()))
    #expect(
      dw == product(configuration.products(.all(mode.inWeightGradient)).forward, e.transposed(), x.transposed()))
    let exact = RecipeFixtures.run(.fp32, x, w, e)
    #expect(
      relativeError(dw, exact.dw) < 0.25 && relativeError(dx, exact.dx) < 0.25 && relativeError(y, exact.y) < 0.25)
  }
}

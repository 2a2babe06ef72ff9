import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshTraining

@Suite("NVFP4 recipe 2.10: MS-EDEN and Quartet II")
struct QuartetIITests {
  private let layer = RecipeFixtures.layer()

  /// Relative mean squared error and projection bias of an operand's treatment, averaged over fresh rotations.
  private func figures(_ treatment: OperandTreatment, draws: Int = 24) -> (error: Double, bias: Double) {
    let x = RecipeFixtures.normal(64, 512, "gauss")
    let square = x.sumOfSquares
    var (error, dot) = (0.0, 0.0)
    for step in 0..<draws {
      let key = OperandKey(layer: RecipeFixtures.layer(step: step), product: "weight gradient", side: "left")
      let rotated = treatment.rotation?.rotate(x, key: key) ?? x
      let quantized = treatment.prepare(x, key: key).decoded
      error += (quantized - rotated).sumOfSquares / square
      dot += (quantized * rotated).sum / square
    }
    return (error / Double(draws), dot / Double(draws) - 1)
  }

  @Test("the measured figures: less than half of the variance of stochastic rounding, and no bias")
  func measured() {
    let rotation = OperandRotation(size: 128, signs: .freshEveryStep)
    let eden = figures(OperandTreatment(.msEDEN, rotation: rotation))
    #expect(abs(eden.error / 0.0098 - 1) < 0.05)
    #expect(abs(eden.bias) < 2e-4)
    let stochastic = figures(.stochastic(.nvfp4(.margin), rotation: rotation), draws: 2)
    #expect(abs(stochastic.error / 0.0236 - 1) < 0.05)
    let nearest = figures(.nearest(.nvfp4, rotation: rotation), draws: 2)
    #expect(abs(nearest.error / 0.0090 - 1) < 0.05)
    #expect(abs(nearest.bias + 0.0046) < 0.0005)
  }

  @Test("zero groups stay zero, NaN stays in its block, and the result is plain NVFP4")
  func specialValues() {
    var x = RecipeFixtures.normal(4, 256, "x")
    x.withUnsafeMutableBufferPointer { x in
      for j in 0..<128 { x[j] = 0 }
      x[256 + 3] = .nan
      x[512 + 200] = .infinity
    }
    let stream = RandomStream(seed: 1, purpose: "test")
    let packed = MSEDEN(group: 128).quantize(x, scaleRounding: stream)
    #expect(packed.format == .nvfp4)
    let y = packed.unpacked()
    #expect((0..<128).allSatisfy { y[0, $0] == 0 })
    #expect((0..<16).allSatisfy { y[1, $0].isNaN } && (16..<256).allSatisfy { y[1, $0].isFinite })
    #expect((192..<208).allSatisfy { y[2, $0].isNaN } && (0..<192).allSatisfy { y[2, $0].isFinite })
    #expect(MSEDEN(group: 128).quantize(.zeros([2, 128]), scaleRounding: stream).unpacked().maxMagnitude == 0)
    for factor in [Float(1e-30), 1e30] {
      let scaled = MSEDEN(group: 128).quantize(RecipeFixtures.normal(4, 256, "y") * factor, scaleRounding: stream)
      #expect(relativeError(scaled.unpacked() * (1 / factor), RecipeFixtures.normal(4, 256, "y")) < 0.15)
    }
  }

  @Test("the rounding of scales depends on no thread count")
  func threads() {
    let x = RecipeFixtures.normal(300, 256, "x")
    let stream = RandomStream(seed: 1, purpose: "test")
    let expected = MSEDEN(group: 32).quantize(x, scaleRounding: stream)
    let before = Parallel.workerCount
    defer { Parallel.workerCount = before }
    for workers in [1, 2, 8] {
      Parallel.workerCount = workers
      #expect(MSEDEN(group: 32).quantize(x, scaleRounding: stream) == expected)
    }
  }

  @Test("gradients come from the forward codes of W and X, rotated and quantized again", arguments: [128, 32])
  func formulas(group: Int) {
    let (x, w, e) = (
      RecipeFixtures.heavy(96, 64, "x"), RecipeFixtures.normal(80, 64, "w"), RecipeFixtures.heavy(96, 80, "e")
    )
    let found = RecipeFixtures.run(.quartetII(group: group), x, w, e, layer: layer)
    let quantizer = Quantizer(format: .nvfp4)
    let (xq, wq) = (quantizer.fakeQuantize(x), quantizer.fakeQuantize(w))
    #expect(relativeError(found.y, RecipeFixtures.product(xq, wq)) < 1e-6)

    func prepare(_ operand: Tensor, _ product: String, _ side: String) -> Tensor {
      let key = OperandKey(layer: layer, product: product, side: side)
      let rotated = OperandRotation(size: group, signs: .freshEveryStep).rotate(operand, key: key)
      return MSEDEN(group: group).quantize(rotated, scaleRounding: key.rounding).unpacked()
    }
    let dx = RecipeFixtures.product(
      prepare(e, "input gradient", "left"), prepare(wq.transposed(), "input gradient", "right"))
    let dw = RecipeFixtures.product(
      prepare(e.transposed(), "weight gradient", "left"), prepare(xq.transposed(), "weight gradient", "right"))
    #expect(relativeError(found.dx, dx) < 1e-6)
    #expect(relativeError(found.dw, dw) < 1e-6)
    let exact = RecipeFixtures.run(.fp32, xq, wq, e)
    #expect(relativeError(found.dx, exact.dx) < 0.2 && relativeError(found.dw, exact.dw) < 0.2)
  }
}

import Foundation
import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshQuantization

/// Specification 7.1, 6 (clipping), 7 and 9. The straight-through estimator is compared with its formulas in
/// WalshFormatsTests.
@Suite("FlatQuant's quantizers, clips and their start")
struct FlatQuantClippingTests {
  @Test("A symmetric row of four bits has the scale 8/7; half-way ties go to even")
  func symmetric() {
    let row: [Float] = [7, -7, 3.5, 0.49, 0.5, 1.5, -0.5, -8]
    let quantizer = Quantizer(format: .intPerRow(4))
    let x = Tensor(row, shape: [1, 8])
    #expect(quantizer.blockScales(of: x).scale(row: 0, group: 0) == 8.0 / 7)
    // The largest, 7, makes the scale 1.
    let ties = quantizer.fakeQuantize(Tensor([0.5, 1.5, 2.5, -0.5, 7], shape: [1, 5]))
    #expect(ties.values == [0, 2, 2, 0, 7])
  }

  @Test("A token of zeros stays zeros with the scale 1")
  func zeros() {
    let quantizer = Quantizer(format: .intPerRow(4))
    let x = Tensor.zeros([1, 6])
    #expect(quantizer.fakeQuantize(x) == x)
    #expect(quantizer.blockScales(of: x).scale(row: 0, group: 0) == 1)
  }

  @Test("A constant key is stored exactly; with clip logits of 4 it decodes to 0.982 of it")
  func asymmetric() {
    let format = NumericFormat.intPerRow(4, symmetric: false)
    let x = Tensor(shape: [1, 8], repeating: 0.75)
    #expect(relativeError(Quantizer(format: format).fakeQuantize(x), x) < 1e-7)
    #expect(Quantizer(format: format).blockScales(of: x).zeroPoint(row: 0, group: 0) == 0)
    let clipped = Quantizer(format: format, clip: ClipLogits().ratio).fakeQuantize(x)
    #expect(relativeError(clipped, x * 0.982014) < 1e-6)
  }

  @Test("Logits start at 4, σ(4) = 0.982014; singular values at 1")
  func start() throws {
    let block = try TestBlock("llama")
    let (_, parameters) = try LearnedBlock.start(
      block.calibrationBlock(block.plan()), settings: FlatQuantSettings(), seed: 0)
    // Seven weights, four activations, keys and values, two logits each.
    #expect(parameters.clips.count == 2 * (7 + 4 + 2))
    #expect(parameters.clips.allSatisfy { $0.values.allSatisfy { $0 == 4 } })
    #expect(abs(ClipLogits().ratio.lower - 0.982014) < 1e-6)
    // Two matrices at each of four groups and the keys' one, each with its singular values; three scales.
    let vectors = parameters.transforms.filter { $0.rank == 1 }
    #expect(parameters.transforms.count == 3 * 9 + 3 && vectors.count == 9 + 3)
    #expect(vectors.count { $0.values.allSatisfy { $0 == 1 } } == 9)
  }

  @Test("The start of scales, on an example by hand")
  func scales() {
    let found = FlatQuantSettings.ScaleStart.smooth(
      weights: Tensor([2, 0.5, 0, 1]), inputs: Tensor([4, 0.25, 1, 0]))
    let expected = [
      pow(2, 0.7) / pow(4, 0.3), pow(0.5, 0.7) / pow(0.25, 0.3), 1e-5, 1 / pow(1e-5, 0.3),
    ]
    #expect(relativeError(found.values.map(Double.init), expected) < 1e-6)
  }

  @Test("The gradients of clipped rows equal finite differences in Float64")
  func rows() {
    let x = normal([3, 40], "x")
    let seed = normal([3, 40], "seed")
    let (lower, upper) = (Tensor([0.3, 1, 2]), Tensor([1.5, -0.2, 0.7]))
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    func value(_ x: [Double], _ lower: [Double], _ upper: [Double]) -> Double {
      (0..<3).reduce(0) { sum, r in
        let row = Array(x[r * 40..<(r + 1) * 40])
        let (low, high) = (sigmoid(lower[r]) * min(0, row.min()!), sigmoid(upper[r]) * max(0, row.max()!))
        return sum + row.indices.reduce(0) { $0 + min(max(row[$1], low), high) * Double(seed[r, $1]) }
      }
    }
    func slopes(_ at: [Double], _ f: ([Double]) -> Double) -> [Double] {
      at.indices.map { i in
        var (above, below) = (at, at)
        above[i] += 1e-6
        below[i] -= 1e-6
        return (f(above) - f(below)) / 2e-6
      }
    }
    let wide = [x, lower, upper].map { $0.values.map(Double.init) }
    let variables = [x.tracked(), lower.tracked(), upper.tracked()]
    let clipped = variables[0].clippingRows(lower: variables[1], upper: variables[2])
    let found = clipped.gradients(of: variables, seed: seed).map { $0.values.map(Double.init) }
    #expect(relativeError(found[0], slopes(wide[0]) { value($0, wide[1], wide[2]) }) < 1e-5)
    #expect(relativeError(found[1], slopes(wide[1]) { value(wide[0], $0, wide[2]) }) < 1e-5)
    #expect(relativeError(found[2], slopes(wide[2]) { value(wide[0], wide[1], $0) }) < 1e-5)
    // Every row loses something on both sides.
    #expect(!found[1].contains(0) && !found[2].contains(0))
  }

  @Test("A row of one sign is clipped on its side alone, a row of zeros not at all")
  func oneSide() {
    let x = Tensor([1, 2, 3, 4, -1, -2, -3, -4, 0, 0, 0, 0], shape: [3, 4])
    let half = Tensor.zeros([3])
    #expect(x.clippingRows(lower: half, upper: half).values == [1, 2, 2, 2, -1, -2, -2, -2, 0, 0, 0, 0])
  }
}

import Foundation
import TestSupport
import Testing
import WalshFormats
import WalshTensor

@Suite("Gradients through fake quantization")
struct StraightThroughTests {
  /// FlatQuant 3.1 in Float64 with every rounding replaced by the constant that it added at the point of
  /// differentiation, and every clamp by what it did there, the ends of the range being inside: an ordinary, smooth
  /// function of the values and of the clip logits.
  private struct Surrogate {
    let bits: Int
    let symmetric: Bool
    let columns: Int
    var residuals: [Double] = []
    /// The end of the range at which an entry saturates.
    var ends: [Double?] = []

    init(_ bits: Int, symmetric: Bool, columns: Int, at x: [Double], _ lower: Double, _ upper: Double) {
      self.bits = bits
      self.symmetric = symmetric
      self.columns = columns
      for row in rows(x) {
        let (s, l) = scale(row, lower, upper)
        let z = symmetric ? Double(1 << (bits - 1)) : (-l / s).rounded(.toNearestOrEven)
        let top = Double(1 << bits - 1)
        for value in row {
          let rounded = (value / s).rounded(.toNearestOrEven)
          residuals.append(rounded - value / s)
          ends.append(rounded + z < 0 ? -z : rounded + z > top ? top - z : nil)
        }
      }
    }

    private func rows(_ x: [Double]) -> [[Double]] {
      stride(from: 0, to: x.count, by: columns).map { Array(x[$0..<$0 + columns]) }
    }

    private func scale(_ row: [Double], _ lower: Double, _ upper: Double) -> (s: Double, l: Double) {
      var u = max(0, row.max()!) / (1 + exp(-upper))
      var l = min(0, row.min()!) / (1 + exp(-lower))
      let qmax = Double(1 << (bits - 1) - 1)
      if symmetric {
        let s = max(abs(l), u) / qmax
        return (s == 0 ? 1 : s, l)
      }
      if u == 0 && l == 0 { (l, u) = (-1, 1) }
      return ((u - l) / Double(1 << bits - 1), l)
    }

    func callAsFunction(_ x: [Double], _ lower: Double, _ upper: Double) -> [Double] {
      rows(x).enumerated().flatMap { r, row in
        let (s, _) = scale(row, lower, upper)
        return row.enumerated().map { j, value in
          let i = r * columns + j
          return s * (ends[i] ?? value / s + residuals[i])
        }
      }
    }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var bits = 4
    var symmetric = true
    var logit = 4.0
    var testDescription: String { "\(symmetric ? "symmetric" : "asymmetric") \(bits) bits, logits near \(logit)" }
  }

  static let cases = [
    Case(), Case(logit: 0.5), Case(symmetric: false), Case(symmetric: false, logit: 0.5), Case(bits: 8),
    Case(bits: 3, symmetric: false, logit: 1),
  ]

  @Test(
    "They are those of the formula with its roundings held constant, for values and clip logits", arguments: cases)
  func formula(c: Case) {
    let columns = 24
    let x = Tensor.normal([6, columns], from: RandomStream(seed: 3, purpose: "x"))
    let seed = Tensor.normal([6, columns], from: RandomStream(seed: 3, purpose: "seed"))
    let (lower, upper) = (c.logit, c.logit - 0.25)
    let wide = x.values.map(Double.init)
    let surrogate = Surrogate(c.bits, symmetric: c.symmetric, columns: columns, at: wide, lower, upper)
    func value(_ x: [Double], _ lower: Double, _ upper: Double) -> Double {
      zip(surrogate(x, lower, upper), seed.values).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    let step = 1e-6
    let expected = wide.indices.map { i in
      var (above, below) = (wide, wide)
      above[i] += step
      below[i] -= step
      return (value(above, lower, upper) - value(below, lower, upper)) / (2 * step)
    }
    let expectedLower = (value(wide, lower + step, upper) - value(wide, lower - step, upper)) / (2 * step)
    let expectedUpper = (value(wide, lower, upper + step) - value(wide, lower, upper - step)) / (2 * step)

    let variable = x.tracked()
    let logits = ClipLogits(lower: Tensor([Float(lower)]).tracked(), upper: Tensor([Float(upper)]).tracked())
    let quantizer = Quantizer(format: .intPerRow(c.bits, symmetric: c.symmetric))
    let rounded = quantizer.fakeQuantize(variable, clippedBy: logits)
    #expect(relativeError(rounded.values.map(Double.init), surrogate(wide, lower, upper)) < 1e-6)
    let found = rounded.gradients(of: [variable, logits.lower, logits.upper], seed: seed)
    #expect(relativeError(found[0].values.map(Double.init), expected) < 1e-5)
    #expect(abs(Double(found[1].values[0]) - expectedLower) < 1e-5 * (1 + abs(expectedLower)))
    #expect(abs(Double(found[2].values[0]) - expectedUpper) < 1e-5 * (1 + abs(expectedUpper)))
    // Some entry saturates when a quarter of the range is clipped; the gradient stops there unless it sets the scale.
    if c.logit < 1 { #expect(found[0].values.contains(0)) }
    // A symmetric scale belongs to one end of a row, an asymmetric one to both.
    #expect(found[1].values[0] != 0 && found[2].values[0] != 0)
  }

  @Test("The row of the specification: scale 8/7, and its gradient goes to −8 alone")
  func specification() {
    let row: [Float] = [7, -7, 3.5, 0.49, 0.5, 1.5, -0.5, -8]
    let x = Tensor(row, shape: [1, 8]).tracked()
    let rounded = Quantizer(format: .intPerRow(4)).fakeQuantize(x)
    let s: Float = 8 / 7
    // 7/s = 6.125, 3.5/s = 3.0625, 0.49/s = 0.42875, 1.5/s = 1.3125.
    let q: [Float] = [6, -6, 3, 0, 0, 1, 0, -7]
    #expect(relativeError(rounded, Tensor(q.map { $0 * s }, shape: [1, 8])) < 1e-7)
    let found = rounded.summed().gradients(of: [x])[0].values
    let scaleGradient = zip(q, row).reduce(0) { $0 + $1.0 - $1.1 / s }
    #expect(found.dropLast() == [1, 1, 1, 1, 1, 1, 1])
    #expect(abs(found[7] - (1 - scaleGradient / 7)) < 1e-5)
  }

  @Test("Groups have their own scales; a group of zeros passes its gradient on")
  func groups() {
    let x = Tensor([0, 0, 0, 0, 1, -2, 3, 0.4, 0, 0], shape: [1, 10]).tracked()
    let seed = Tensor([1, 2, 3, 4, 1, 1, 1, 1, 5, 6], shape: [1, 10])
    for symmetric in [true, false] {
      let quantizer = Quantizer(format: .int(4, group: 4, symmetric: symmetric))
      let found = quantizer.fakeQuantize(x).gradients(of: [x], seed: seed)[0].values
      #expect(Array(found.prefix(4)) == [1, 2, 3, 4])
      #expect(Array(found.suffix(2)) == [5, 6])
      #expect(found[4] == 1 && found[6] != 1)
    }
  }

  @Test("A constant positive row decodes to σ(4) of itself under asymmetric clipping")
  func clippedConstant() {
    let x = Tensor(shape: [2, 8], repeating: 3).tracked()
    let logits = ClipLogits()
    let rounded = Quantizer(format: .intPerRow(4, symmetric: false)).fakeQuantize(x, clippedBy: logits)
    #expect(rounded.values.allSatisfy { abs($0 / 3 - 0.982014) < 1e-5 })
    // x/s = 15/σ rounds to 15, inside the range: ∂x̂/∂s = 15 − 15/σ eight times, and ∂s/∂x = σ/15 at the first.
    let found = rounded.summed().gradients(of: [x])[0]
    let first = Float(1 + 8 * (0.982014 - 1))
    #expect(
      relativeError(found, Tensor([first, 1, 1, 1, 1, 1, 1, 1, first, 1, 1, 1, 1, 1, 1, 1], shape: [2, 8])) < 1e-5)
  }

  @Test("Block formats pass gradients through; estimators can be chosen by name")
  func passThrough() {
    let x = Tensor.normal([3, 64], from: RandomStream(seed: 5, purpose: "x")).tracked()
    let seed = Tensor.normal([3, 64], from: RandomStream(seed: 5, purpose: "seed"))
    for format: NumericFormat in [.mxfp4, .mxfp8, .nvfp4, .nvfp4Tiles, .fp8e4m3] {
      let rounded = Quantizer(format: format).fakeQuantize(x)
      #expect(rounded.detached() == Quantizer(format: format).fakeQuantize(x.detached()))
      #expect(rounded.gradients(of: [x], seed: seed)[0] == seed)
    }
    let integers = Quantizer(format: .intPerRow(4))
    #expect(integers.fakeQuantize(x, estimator: .passThrough).gradients(of: [x], seed: seed)[0] == seed)
    #expect(integers.fakeQuantize(x, estimator: .throughScale).gradients(of: [x], seed: seed)[0] != seed)
  }

  @Test("Gradients do not depend on the number of workers, and one scale may span a tensor")
  func workers() {
    let x = Tensor.normal([300, 512], from: RandomStream(seed: 6, purpose: "x")).tracked()
    let seed = Tensor.normal([300, 512], from: RandomStream(seed: 6, purpose: "seed"))
    let perTensor = NumericFormat(element: .int(bits: 4), granularity: .tensor, scale: .float32)
    for format: NumericFormat in [.intPerRow(4), perTensor] {
      let quantizer = Quantizer(format: format)
      func gradient(_ workers: Int) -> [Float] {
        let before = Parallel.workerCount
        defer { Parallel.workerCount = before }
        Parallel.workerCount = workers
        return quantizer.fakeQuantize(x).gradients(of: [x], seed: seed)[0].values
      }
      let one = gradient(1)
      #expect(gradient(2) == one)
      let moved = zip(one, seed.values).filter { $0 != $1 }.count
      #expect(moved == (format == perTensor ? 1 : 300))
    }
  }

  @Test("A packed weight is frozen, and its input's gradient is that of the unpacked product")
  func packedProduct() {
    let w = Quantizer(format: .mxfp4).pack(Tensor.normal([7, 64], from: RandomStream(seed: 8, purpose: "w")))
    let x = Tensor.normal([5, 64], from: RandomStream(seed: 8, purpose: "x")).tracked()
    let seed = Tensor.normal([5, 7], from: RandomStream(seed: 8, purpose: "seed"))
    let found = w.multiply(x).gradients(of: [x], seed: seed)[0]
    #expect(found == x.matmulTransposed(w.unpacked()).gradients(of: [x], seed: seed)[0])
  }

  @Test("Rounding with given scales refuses what is tracked")
  func givenScales() async {
    await #expect(processExitsWith: .failure) {
      let x = Tensor([1, 2], shape: [1, 2]).tracked()
      let quantizer = Quantizer(format: .intPerRow(4))
      _ = quantizer.quantize(x, with: quantizer.blockScales(of: x))
    }
  }
}

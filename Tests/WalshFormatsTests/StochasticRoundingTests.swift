import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Number formats, section 2.7: stochastic rounding")
struct StochasticRoundingTests {
  private func stream(_ index: UInt64 = 0) -> RandomStream {
    RandomStream(seed: 11, purpose: "rounding", index: index)
  }

  @Test("5.5 a million draws on a grid of 64 positions: the mean is v within four standard errors")
  func unbiased() {
    let n = 16384
    let rounding = Rounding.stochastic(stream())
    for position in 0..<64 {
      // From 0.03 to 5.94, every interval of the grid.
      let v = Float(position) * 6 / 64 + 0.03125
      let lower = (0..<8).map { E2M1.decode($0) }.last { $0 <= v } ?? 0
      let upper = (0..<8).map { E2M1.decode($0) }.first { $0 > v } ?? 6
      let step = Double(upper - lower)
      let p = Double(v - lower) / step
      var sum = 0.0
      for i in 0..<n {
        let y = E2M1.decode(E2M1.encode(v, rounding: rounding, at: position * n + i))
        if y != lower && y != upper { Issue.record("\(v) became \(y)") }
        sum += Double(y)
      }
      #expect(abs(sum / Double(n) - Double(v)) <= 4 * step * (p * (1 - p) / Double(n)).squareRoot())
    }
  }

  @Test("values on the grid never move, whatever the stream", arguments: ElementFormatTests.floats + [.int(bits: 4)])
  func fixedPoints(format: ElementFormat) {
    for code in 0..<1 << format.bits where format.decode(UInt8(code)).isFinite {
      #expect(format.encode(format.decode(UInt8(code)), rounding: .stochastic(stream()), at: code) == UInt8(code))
    }
  }

  @Test("5.5 the same counter gives the same bytes, another stream others")
  func replay() {
    let x = Adversary.normal(8, 64)
    let quantizer = Quantizer(format: .nvfp4, rounding: .stochastic(stream(1)))
    #expect(quantizer.pack(x) == quantizer.pack(x))
    #expect(quantizer.pack(x) != Quantizer(format: .nvfp4, rounding: .stochastic(stream(2))).pack(x))
    // The element's place in the tensor is its counter, also where elements are rounded one by one.
    let scales = quantizer.blockScales(of: x)
    let single = quantizer.round(x[5, 40], row: 5, column: 40, scales: scales)
    #expect(single == quantizer.quantize(x, with: scales)[5, 40])
  }

  /// The largest |x · factor| of a matrix, which saturates above 6.
  private func largestScaled(_ x: Tensor, _ format: NumericFormat) -> Float {
    let scales = Quantizer(format: format).blockScales(of: x)
    var largest: Float = 0
    for row in 0..<x.rowCount {
      for column in 0..<x.columns {
        let codec = scales.codec(row: row, group: column / format.groupSize(columns: x.columns))
        largest = max(largest, abs(x[row, column] * codec.factor))
      }
    }
    return largest
  }

  @Test("5.5 the 17/16 margin never clips; without it the rounded block scale does")
  func margin() {
    let x = Tensor.normal([64, 256], from: RandomStream(seed: 6, purpose: "margin"))
    // One rounding of x · factor in Float32 may exceed 6 by its last bit.
    #expect(largestScaled(x, .nvfp4(.margin)) <= Float(6).nextUp)
    #expect(largestScaled(x, .nvfp4) > 6.1)
    #expect(largestScaled(x, .mxfp4(.rceil)) <= 6)
    #expect(largestScaled(x, .mxfp4(.staticThreeQuarters)) <= 6)
    #expect(largestScaled(x, .mxfp4(.floor)) > 7.5)
  }

  @Test("2.7 the measured projection biases, by scheme")
  func bias() {
    // Heavy tails: the cube of a normal number, tempered.
    var x = Tensor.normal([64, 1024], from: RandomStream(seed: 2, purpose: "heavy"))
    x.withUnsafeMutableBufferPointer { x in for i in x.indices { x[i] *= 0.3 + abs(x[i]) } }
    func bias(_ format: NumericFormat, draws: UInt64 = 4) -> Double {
      var dot = 0.0
      let square = x.values.reduce(0.0) { $0 + Double($1) * Double($1) }
      for draw in 0..<draws {
        let y = Quantizer(format: format, rounding: .stochastic(stream(draw))).fakeQuantize(x)
        for (a, b) in zip(x.values, y.values) { dot += Double(a) * Double(b) }
      }
      return dot / (square * Double(draws)) - 1
    }
    #expect(abs(bias(.nvfp4(.margin))) < 0.001)
    #expect(abs(bias(.mxfp4(.rceil))) < 0.001)
    #expect(abs(bias(.mxfp4(.staticThreeQuarters))) < 0.001)
    let plain = bias(.nvfp4)
    let (even, floor) = (bias(.mxfp4(.even)), bias(.mxfp4(.floor)))
    #expect(plain < -0.001 && plain > -0.01)
    #expect(even < -0.001 && floor < 2 * even)
  }
}

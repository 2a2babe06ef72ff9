import Foundation
import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshQuantization

/// Section 11, 6 to 8 and 10, of the specification on the formats that DuQuant++ stands on.
@Suite("MXFP4 as DuQuant++'s specification has it")
struct MXFP4SpecificationTests {
  /// The scale rules of section 3.3 that are powers of two, or a third of them.
  static let rules: [E8M0Rule] = [.floor, .staticThreeQuarters, .rceil, .even]
  private static let levels: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6]

  private func rounded(_ x: [Float], _ rule: E8M0Rule) -> [Float] {
    let block = x + Array(repeating: 0, count: 32 - x.count)
    return Array(Quantizer(format: .mxfp4(rule)).fakeQuantize(Tensor(block, shape: [1, 32])).values[..<x.count])
  }

  @Test("6. All sixteen codes under the scales 0, 1, 126, 127, 128 and 254; 255 is NaN")
  func decodes() {
    // Codes 0 to 15, twice.
    let codes = (0..<16).map { (byte: UInt8) -> UInt8 in
      let even = byte % 8 * 2
      return even | (even + 1) << 4
    }
    for k in [0, 1, 126, 127, 128, 254] as [UInt8] {
      let decoded = PackedMatrix(format: .mxfp4, rows: 1, columns: 32, codes: codes, scales: [k]).unpacked().values
      for (i, value) in decoded.enumerated() {
        let code = Int(codes[i / 2] >> (i % 2 == 0 ? 0 : 4)) & 15
        #expect(Double(value) == Double(Self.levels[code]) * exp2Exactly(Int(k) - 127), "code \(code), scale \(k)")
      }
    }
    let spoilt = PackedMatrix(format: .mxfp4, rows: 1, columns: 32, codes: codes, scales: [255]).unpacked()
    #expect(spoilt.values.allSatisfy { $0.isNaN })
  }

  private func exp2Exactly(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }

  @Test("6. Rounding rounded values again is the identity for ocp and ceil, and not for four-thirds")
  func idempotent() {
    let x = normal([64, 32], "idempotent")
    for rule in Self.rules {
      let quantizer = Quantizer(format: .mxfp4(rule))
      let once = quantizer.fakeQuantize(x)
      #expect((quantizer.fakeQuantize(once) == once) == (rule != .staticThreeQuarters), "\(rule)")
    }
    // A block maximum that rounds to 6s moves to the next octave.
    #expect(rounded([7.9, 1], .staticThreeQuarters) == [8, 4.0 / 3])
    #expect(rounded([8, 4.0 / 3], .staticThreeQuarters) != [8, 4.0 / 3])
  }

  @Test("6. Scales are exact on powers of two and just below them")
  func powers() {
    for p in [-60, -3, 0, 1, 7, 60] {
      let a = Float(sign: .plus, exponent: p, significand: 1)
      let expected: [(E8M0Rule, at: Int, below: Int)] = [
        (.floor, p - 2, p - 3), (.staticThreeQuarters, p - 2, p - 3), (.rceil, p - 2, p - 2), (.even, p - 2, p - 2),
      ]
      for (rule, at, below) in expected {
        #expect(Int(rule.byte(amax: a, element: .e2m1) { 0 }) - 127 == at, "\(rule) at 2^\(p)")
        #expect(Int(rule.byte(amax: a.nextDown, element: .e2m1) { 0 }) - 127 == below, "\(rule) below 2^\(p)")
      }
    }
  }

  @Test("6. Doubling the data doubles the result", arguments: rules)
  func equivariant(_ rule: E8M0Rule) {
    let quantizer = Quantizer(format: .mxfp4(rule))
    let x = normal([16, 64], "equivariant")
    for p in [-20, -1, 1, 20] {
      let factor = Float(sign: .plus, exponent: p, significand: 1)
      #expect(quantizer.fakeQuantize(x.map { $0 * factor }) == quantizer.fakeQuantize(x).map { $0 * factor })
    }
  }

  @Test("6. Ties go to the even code")
  func ties() {
    let ties: [Float] = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5]
    #expect(rounded([4] + ties, .floor) == [4, 0, 1, 1, 2, 2, 4, 4])
    #expect(rounded([4] + ties.map { -$0 }, .floor) == [4, 0, -1, -1, -2, -2, -4, -4])
  }

  @Test("6. The golden blocks of section 3.6")
  func golden() {
    let x: [Float] = [7.9, 1, -1, 0.3, 0.25, 0.2, 6.1]
    #expect(rounded(x, .floor) == [6, 1, -1, 0.5, 0, 0, 6])
    #expect(rounded(x, .rceil) == [8, 1, -1, 0, 0, 0, 6])
    let third: [Float] = [8, 4.0 / 3, -4.0 / 3, 0, 0, 0, 16.0 / 3]
    for (a, b) in zip(rounded(x, .staticThreeQuarters), third) { #expect(abs(a - b) <= 1e-6) }
    #expect(rounded([5, 0.1, -0.2, 0.3, -0.6, 0.7, -0.8], .floor) == [4, 0, 0, 0.5, -0.5, 0.5, -1])
  }

  @Test("6. Blocks of zeros and of subnormal numbers", arguments: rules)
  func small(_ rule: E8M0Rule) {
    #expect(rounded([0, -0.0, 0], rule) == [0, 0, 0])
    let packed = Quantizer(format: .mxfp4(rule)).pack(.zeros([1, 32]))
    #expect(packed.scales == [0] && packed.codes.allSatisfy { $0 == 0 })
    for value in rounded([.leastNonzeroMagnitude, 0x1p-130, -0x1p-128], rule) {
      #expect(value.isFinite && abs(value) <= 0x1p-126)
    }
  }

  @Test("6. The nibbles of GGUF and of safetensors hold the same numbers in other places")
  func nibbles() throws {
    let packed = Quantizer(format: .mxfp4(.floor)).pack(normal([4, 64], "nibbles"))
    let blocks = try GGUFBlocks(packed)
    #expect(blocks.unpacked() == packed.unpacked())
    #expect(blocks.packed.codes == packed.codes && blocks.packed.scales == packed.scales)
    // Byte j of a block of GGUF: element j low, element j + 16 high.
    let row = packed.codes(ofRow: 0)
    #expect(blocks.bytes[0] == packed.scales[0])
    #expect((0..<16).allSatisfy { blocks.bytes[1 + $0] == row[$0] | row[$0 + 16] << 4 })
    #expect((0..<16).allSatisfy { packed.codes[$0] == row[2 * $0] | row[2 * $0 + 1] << 4 })
  }

  @Test("7. Four-thirds never saturates; the floor rule keeps a block's maximum to a quarter")
  func saturation() {
    let x = normal([4096, 32], "saturation")
    let (thirds, floor) = (
      Quantizer(format: .mxfp4(.staticThreeQuarters)), Quantizer(format: .mxfp4(.floor))
    )
    let scales = thirds.blockScales(of: x)
    let kept = floor.fakeQuantize(x)
    for row in 0..<x.rowCount {
      let amax = x.row(row).maxMagnitude
      #expect(amax / scales.scale(row: row, group: 0) < 6.000001)
      let place = x.row(row).values.firstIndex { abs($0) == amax } ?? 0
      #expect(abs(kept[row, place] - x[row, place]) <= 0.25 * amax)
    }
  }

  @Test("8. A batch is rounded as its tokens are, by every real rule; log-uniform scales depend on the batch")
  func batches() {
    let x = normal([8, 64], "batch").scalingRows(by: Tensor((0..<8).map { Float(1 + $0 * $0) }))
    for rule in E8M0Rule.allCases {
      let quantizer = Quantizer(format: .mxfp4(rule))
      let rows = (0..<8).map { quantizer.fakeQuantize(x.rows($0..<$0 + 1)) }
      #expect(quantizer.fakeQuantize(x) == .stackingRows(rows), "\(rule)")
    }
    let rows = (0..<8).map { LogUniformScales().fakeQuantize(x.rows($0..<$0 + 1)) }
    #expect(LogUniformScales().fakeQuantize(x) != .stackingRows(rows))
  }

  @Test("Log-uniform scales: the definition on two blocks, one scale for all, and zeros")
  func logUniform() {
    // Two blocks are the ends of the grid: their scales are a/6, and the maxima stay.
    let x = Tensor((0..<64).map { $0 == 3 ? 7 : $0 == 40 ? -91 : 0 }, shape: [2, 32])
    #expect(relativeError(LogUniformScales().fakeQuantize(x), x) < 1e-6)
    let one = Tensor((0..<64).map { $0 % 32 == 5 ? 3 : 0 }, shape: [2, 32])
    #expect(relativeError(LogUniformScales().fakeQuantize(one), one) < 1e-6)
    #expect(LogUniformScales().fakeQuantize(.zeros([2, 32])) == .zeros([2, 32]))
    // Codes 0 and 1 of a middle block lie 1/255 of the logarithmic span apart; floor takes the lower.
    let middle = Tensor((0..<96).map { [6, 6 * 256, 6 * 17.0][$0 / 32] * ($0 % 32 == 0 ? 1 : 0) }, shape: [3, 32])
    let found = Double(LogUniformScales().fakeQuantize(middle)[2, 0] / 6)
    #expect(found <= 17 && found > 17 / 1.0221)
  }

  @Test("No file holds log-uniform scales: no format, preset or recipe has them by name")
  func refused() {
    for name in ["log256", "MXFP4-LOG256", "MXFP4-LOG"] {
      #expect(NumericFormat(name: name) == nil && Preset(named: name) == nil)
      let text = "to: MXFP4\ngroups: {mlp.output: {weights: \(name)}}"
      let error = #expect(throws: QuantizationError.self) { try QuantizationRequest(recipe: text, named: "r") }
      #expect(error?.description.contains("there is no \(name)") == true)
    }
  }

  /// Relative squared errors of section 3.6.
  struct Anchor {
    let name: String
    let normal: Double
    let laplace: Double
    let round: @Sendable (Tensor) -> Tensor
  }

  static let anchors = [
    Anchor(name: "ocp", normal: 0.0132, laplace: 0.0161) { Quantizer(format: .mxfp4(.floor)).fakeQuantize($0) },
    Anchor(name: "four-thirds", normal: 0.0139, laplace: 0.0176) {
      Quantizer(format: .mxfp4(.staticThreeQuarters)).fakeQuantize($0)
    },
    Anchor(name: "ceil", normal: 0.0133, laplace: 0.0174) { Quantizer(format: .mxfp4(.rceil)).fakeQuantize($0) },
    Anchor(name: "mse", normal: 0.0125, laplace: 0.0151) {
      Quantizer(format: .mxfp4, search: .searched).fakeQuantize($0)
    },
    Anchor(name: "log-uniform", normal: 0.0102, laplace: 0.0105) { LogUniformScales().fakeQuantize($0) },
    Anchor(name: "INT4/32", normal: 0.0094, laplace: 0.0146) {
      Quantizer(format: NumericFormat(element: .int(bits: 4), granularity: .group(32), scale: .float32))
        .fakeQuantize($0)
    },
  ]

  @Test("10. The relative errors of section 3.6 on normal and Laplace blocks", arguments: anchors.indices)
  func statistics(_ index: Int) {
    let anchor = Self.anchors[index]
    let stream = RandomStream(seed: 10, purpose: "test/laplace")
    let laplace = Tensor(shape: [20_000, 32]) { out in
      for i in out.indices {
        out[i] = stream.sign(at: 2 * i) * Float(-log(stream.uniform64(at: i + 1_000_000) + 1e-300))
      }
    }
    for (x, expected) in [(normal([20_000, 32], "anchor"), anchor.normal), (laplace, anchor.laplace)] {
      let error = (x - anchor.round(x)).sumOfSquares / x.sumOfSquares
      // 2 %, and half a unit of the figure's last digit.
      #expect(abs(error - expected) < 0.02 * expected + 0.00005, "\(anchor.name): \(error), not \(expected)")
    }
  }
}

import Foundation
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("FlatQuant 3.1 and 7.1: integer quantizers")
struct IntegerQuantizerTests {
  @Test("7.1.7 a symmetric row of four bits has the scale 8/7")
  func symmetricRow() {
    let x = Tensor([7, -7, 3.5, 0.49, 0.5, 1.5, -0.5, -8], shape: [1, 8])
    let quantizer = Quantizer(format: .intPerRow(4))
    let scales = quantizer.blockScales(of: x)
    let s = Float(8) / 7
    #expect(scales.scale(row: 0, group: 0) == s)
    // x / s = 6.125, −6.125, 3.0625, 0.42875, 0.4375, 1.3125, −0.4375, −7.
    #expect(quantizer.fakeQuantize(x).values == [6, -6, 3, 0, 0, 1, 0, -7].map { $0 * s })
    #expect(quantizer.pack(x).codes(ofRow: 0) == [14, 2, 11, 8, 8, 9, 8, 1])
  }

  @Test("7.1.7 a token of zeros stays zero with the scale 1")
  func zeroToken() {
    let x = Tensor.zeros([2, 16])
    let quantizer = Quantizer(format: .intPerRow(4))
    #expect(quantizer.blockScales(of: x).scale(row: 1, group: 0) == 1)
    #expect(quantizer.fakeQuantize(x) == x)
  }

  @Test("7.1.7 ties go to even")
  func ties() {
    let x = Tensor([7, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.5], shape: [1, 8])
    #expect(Quantizer(format: .intPerRow(4)).fakeQuantize(x).values == [7, 0, 2, 2, 0, -2, -2, 4])
  }

  @Test("7.1.7 an asymmetric constant decodes exactly, with clip logits of 4.0 to 0.982 of it")
  func asymmetricConstant() {
    let x = Tensor(shape: [1, 64], repeating: 3)
    let exact = Quantizer(format: .intPerRow(4, symmetric: false))
    let scales = exact.blockScales(of: x)
    #expect(scales.zeroPoint(row: 0, group: 0) == 0)
    #expect(exact.pack(x).codes(ofRow: 0).allSatisfy { $0 == 15 })
    #expect(exact.fakeQuantize(x) == x)

    let sigmoid = Float(1 / (1 + exp(-4.0)))
    #expect(abs(sigmoid - 0.982014) < 1e-6)
    let clipped = Quantizer(
      format: .intPerRow(4, symmetric: false), clip: ClipRatio(lower: sigmoid, upper: sigmoid))
    #expect(clipped.fakeQuantize(x).values.allSatisfy { abs($0 - 3 * sigmoid) < 1e-6 })
  }

  @Test("3.1 the asymmetric range includes zero and rounds its zero point")
  func asymmetric() {
    // u = 5, l = −1: s = 0.4, z = r(2.5) = 2; 5 → 12.5 → 12 + 2, −1 → −2.5 → −2 + 2.
    let x = Tensor([5, -1, 0, 0.3], shape: [1, 4])
    let quantizer = Quantizer(format: .intPerRow(4, symmetric: false))
    let packed = quantizer.pack(x)
    #expect(packed.zeroPoints == [2])
    #expect(packed.codes(ofRow: 0) == [14, 0, 2, 3])
  }

  @Test("3.1 clipping makes −8 reachable in a symmetric format")
  func saturation() {
    let x = Tensor([7, -7, 1, 0], shape: [1, 4])
    let quantizer = Quantizer(format: .intPerRow(4), clip: ClipRatio(lower: 0.8, upper: 0.8))
    #expect(quantizer.pack(x).codes(ofRow: 0) == [15, 0, 9, 8])
  }

  @Test("interop 2.1 INT4 groups: q + 8, eight to a word, element 0 lowest, bfloat16 scales")
  func compressedTensors() {
    let x = Tensor((0..<16).map { Float($0 - 8) }, shape: [1, 16])
    let packed = Quantizer(format: .int(4, group: 8)).pack(x)
    // The groups' maxima are 8 and 7: the scales 8/7 = 0x3F92 (rounded) and 1 = 0x3F80.
    #expect(hex(packed.scales) == "923f803f")
    #expect(hex(packed.codes) == hex([0x21, 0x43, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE] as [UInt8]))
  }

  @Test("a row scale is equivariant to positive factors", arguments: [2, 3, 4, 8])
  func equivariance(bits: Int) {
    let x = Adversary.normal(6, 50)
    let y = Tensor(x.values.map { $0 * 4 }, shape: x.shape)
    let quantizer = Quantizer(format: .intPerRow(bits))
    #expect(quantizer.pack(x).codes == quantizer.pack(y).codes)
  }

  @Test("the search finds the best fraction of the maximum, by brute force")
  func search() {
    let x = Tensor.normal([1, 64], from: RandomStream(seed: 4, purpose: "search"))
    let format = NumericFormat.intPerRow(3)
    let amax = x.finiteAmax
    func error(_ scale: Float) -> Double {
      x.values.reduce(0.0) { sum, v in
        let q = min(max((v / scale).rounded(.toNearestOrEven), -4), 3)
        return sum + Double(q * scale - v) * Double(q * scale - v)
      }
    }
    let candidates = (0..<80).map { amax * (1 - Float($0) / 100) / 3 }
    let best = candidates.min { error($0) < error($1) }
    let found = Quantizer(format: format, search: .searched).blockScales(of: x).scale(row: 0, group: 0)
    #expect(found == best)
    #expect(found < amax / 3)
  }

  @Test("FP8: one scale for the tensor or one for each row")
  func fp8() {
    let x = Tensor([448, 1, 0.1, -3, 0.5, 0.25, 0, 2], shape: [2, 4])
    let tensor = Quantizer(format: .fp8e4m3)
    #expect(tensor.blockScales(of: x).scale(row: 1, group: 0) == 1)
    #expect(tensor.fakeQuantize(x).values == [448, 1, E4M3.decode(E4M3.encode(0.1)), -3, 0.5, 0.25, 0, 2])
    let rows = Quantizer(format: .fp8(.e4m3, per: .row)).blockScales(of: x)
    #expect(rows.scale(row: 0, group: 0) == 1 && rows.scale(row: 1, group: 0) == Float(2) / 448)
  }
}

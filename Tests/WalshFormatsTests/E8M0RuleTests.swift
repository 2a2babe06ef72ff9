import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Number formats, section 2.3: the scale rules of MX")
struct E8M0RuleTests {
  private func byte(_ amax: Float, _ rule: E8M0Rule, _ element: ElementFormat = .e2m1) -> UInt8 {
    rule.byte(amax: amax, element: element) { 0 }
  }

  @Test(
    "2.3 reference bytes for MXFP4",
    arguments: [
      (1.0, [125, 125, 125, 125, 124]), (1.5, [125, 126, 125, 125, 125]), (1.75, [125, 126, 126, 126, 125]),
      (2.0, [126, 126, 126, 126, 125]), (3.0, [126, 127, 126, 126, 126]), (3.4999, [126, 127, 126, 127, 126]),
      (3.5, [126, 127, 127, 127, 126]), (4.0, [127, 127, 127, 127, 126]), (4.5, [127, 128, 127, 127, 127]),
      (5.0, [127, 128, 127, 127, 127]), (5.99, [127, 128, 127, 127, 127]), (6.0, [127, 128, 127, 127, 127]),
      (6.0001, [127, 128, 127, 128, 127]), (6.9999, [127, 128, 127, 128, 127]), (7.0, [127, 128, 128, 128, 127]),
      (7.9, [127, 128, 128, 128, 127]), (8.0, [128, 128, 128, 128, 127]), (0.001, [115, 116, 115, 115, 114]),
      (448, [133, 134, 134, 134, 133]),
    ] as [(Float, [UInt8])])
  func table(amax: Float, expected: [UInt8]) {
    #expect([E8M0Rule.floor, .ceil, .even, .rceil, .logRound].map { byte(amax, $0) } == expected)
  }

  @Test("5.1 zero, NaN, infinity and the ends of Float32", arguments: E8M0Rule.allCases)
  func edges(rule: E8M0Rule) {
    #expect(byte(0, rule) == 0)
    #expect(byte(.nan, rule) == 255)
    #expect(byte(.infinity, rule) == 255)
    #expect(byte(.leastNonzeroMagnitude, rule) == (rule == .stdClip ? 100 : 0))
    if rule != .stdClip { #expect((252...253).contains(byte(.greatestFiniteMagnitude, rule))) }
  }

  @Test("2.3 every rule moves by one when the data doubles", arguments: E8M0Rule.allCases)
  func equivariance(rule: E8M0Rule) {
    for amax in [1, 1.2, 1.5, 1.75, 1.8125, 1.9, Float(2).nextDown] as [Float] {
      func of(_ factor: Float) -> Int { Int(rule.byte(amax: amax * factor, element: .e2m1) { amax * factor }) }
      #expect(of(2) == of(1) + 1)
      #expect(of(0x1p-20) == of(1) - 20 || rule == .stdClip)
    }
  }

  @Test("2.3 the thresholds of AMD's options: 7 exclusive, 7.25, 6")
  func thresholds() {
    for (rule, threshold) in [(E8M0Rule.midmax, Float(7).nextUp), (.uos, 7.25), (.uos6, 6), (.even, 7)] {
      #expect(byte(threshold.nextDown, rule) == 127)
      #expect(byte(threshold, rule) == 128)
    }
    #expect(byte(7, .midmax) == 127)
  }

  @Test("2.3 RCEIL and CEIL-LOG put the maximum in (3, 6], also for E4M3 in (224, 448]")
  func neverClips() {
    for step in 1...2000 {
      let amax = Float(step) * 0.0137
      for (element, rule) in [(ElementFormat.e2m1, E8M0Rule.rceil), (.e2m1, .ceilLog), (.e4m3, .rceil)] {
        let scaled = amax / E8M0.decode(byte(amax, rule, element))
        #expect(scaled <= element.largest && scaled > element.largest / 2)
      }
    }
  }

  @Test("3.2 six times a power of two gets no increment")
  func sixes() {
    #expect(Float(6) * (1 / 6 as Float) == 1)
    for exponent in -120...120 {
      #expect(byte(6 * powerOfTwo(exponent), .rceil) == UInt8(127 + exponent))
      #expect(byte(6 * powerOfTwo(exponent), .ceilLog) == UInt8(127 + exponent))
    }
  }

  @Test("2.8 EVEN of E4M3 switches up at 1.9375, as torchao does")
  func evenE4M3() {
    #expect(byte(495.9, .even, .e4m3) == 127)
    #expect(byte(496, .even, .e4m3) == 128)
  }

  @Test("2.3 STD CLIP on a block with a known deviation")
  func stdClip() {
    // Half +1, half −1 after the mean 3 is removed: σ = 1, c·σ = 0.487, ⌊log2⌋ = −2.
    let x = Tensor((0..<32).map { Float($0 % 2 == 0 ? 4 : 2) }, shape: [1, 32])
    #expect(Quantizer(format: .mxfp4(.stdClip)).pack(x).scales == [125])
  }

  @Test("2.3 the static 3/4 rule scales the data by 3/4 and the result by 4/3")
  func threeQuarters() {
    let x = Tensor([7.5, 1, -4, 0.3] + [Float](repeating: 0, count: 28), shape: [1, 32])
    let packed = Quantizer(format: .mxfp4(.staticThreeQuarters)).pack(x)
    #expect(packed.scales == [127])
    // 5.625 → 6, 0.75 → 1, −3 → −3, 0.225 → 0.
    #expect(packed.codes(ofRow: 0).prefix(4) == [7, 2, 13, 0])
    #expect(packed.unpacked().values.prefix(3) == [8, Float(1) / 0.75, -4])
  }
}

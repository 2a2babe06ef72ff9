import Testing
import WalshTensor

@Suite("Random numbers")
struct RandomTests {
  /// `kat_vectors` of Random123, philox4x32 with 10 rounds.
  @Test("Philox 4×32-10 gives the known answers of Random123")
  func knownAnswers() {
    let vectors: [(SIMD4<UInt32>, SIMD2<UInt32>, SIMD4<UInt32>)] = [
      (.zero, .zero, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
      (
        SIMD4(repeating: .max), SIMD2(repeating: .max), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
      ),
      (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
      ),
    ]
    for (counter, key, answer) in vectors { #expect(Philox4x32(key: key)(counter) == answer) }
  }

  private static let count = 1 << 16
  private let stream = RandomStream(seed: 3, purpose: "test")

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  /// Five standard errors of the mean of `count` values of this variance.
  private func tolerance(variance: Double) -> Double { 5 * (variance / Double(Self.count)).squareRoot() }

  @Test("Uniform numbers lie in [0, 1) with mean 1/2 and variance 1/12")
  func uniform() {
    for values in [
      (0..<Self.count).map { Double(stream.uniform(at: $0)) }, (0..<Self.count).map(stream.uniform64(at:)),
    ] {
      #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
      #expect(abs(mean(values) - 0.5) <= tolerance(variance: 1 / 12))
      #expect(abs(mean(values.map { ($0 - 0.5) * ($0 - 0.5) }) - 1 / 12) <= tolerance(variance: 1 / 180))
      // Neighbours do not correlate.
      let products = zip(values, values.dropFirst()).map { ($0 - 0.5) * ($1 - 0.5) }
      #expect(abs(mean(products)) <= tolerance(variance: 1 / 144))
    }
  }

  @Test("Every bit of the words is set half of the time")
  func bits() {
    var set = [Int](repeating: 0, count: 32)
    for position in 0..<Self.count {
      let word = stream.word(at: position)
      for bit in 0..<32 { set[bit] += Int(word >> UInt32(bit) & 1) }
    }
    #expect(set.allSatisfy { abs(Double($0) / Double(Self.count) - 0.5) <= tolerance(variance: 0.25) })
  }

  @Test("Normal numbers have mean 0, variance 1, no skew, kurtosis 3 and the right tails")
  func normals() {
    let values = (0..<Self.count).map(stream.normal(at:))
    #expect(abs(mean(values)) <= tolerance(variance: 1))
    #expect(abs(mean(values.map { $0 * $0 }) - 1) <= tolerance(variance: 2))
    #expect(abs(mean(values.map { $0 * $0 * $0 })) <= tolerance(variance: 15))
    #expect(abs(mean(values.map { $0 * $0 * $0 * $0 }) - 3) <= tolerance(variance: 96))
    let beyondTwo = 0.045_500_26
    #expect(abs(mean(values.map { abs($0) > 2 ? 1 : 0 }) - beyondTwo) <= tolerance(variance: beyondTwo))
    let pairs = stride(from: 0, to: Self.count, by: 2).map { values[$0] * values[$0 + 1] }
    #expect(abs(mean(pairs)) <= 2 * tolerance(variance: 1))
  }

  @Test("Signs are fair")
  func signs() {
    let values = (0..<Self.count).map { Double(stream.sign(at: $0)) }
    #expect(values.allSatisfy { abs($0) == 1 })
    #expect(abs(mean(values)) <= tolerance(variance: 1))
  }

  @Test("Another purpose, index or seed gives independent numbers")
  func independence() {
    let others = [
      RandomStream(seed: 3, purpose: "test2"), RandomStream(seed: 3, purpose: "tesu"),
      RandomStream(seed: 3, purpose: "test", index: 1), RandomStream(seed: 4, purpose: "test"),
      RandomStream(seed: 3 + 1 << 32, purpose: "test"), RandomStream(seed: 3, purpose: ""),
    ]
    for other in others {
      let products = (0..<Self.count).map { stream.normal(at: $0) * other.normal(at: $0) }
      #expect(abs(mean(products)) <= tolerance(variance: 1))
      #expect((0..<64).contains { stream.word(at: $0) != other.word(at: $0) })
    }
    let again = RandomStream(seed: 3, purpose: "test")
    #expect((0..<64).allSatisfy { stream.word(at: $0) == again.word(at: $0) })
  }

  @Test("The number at a position does not depend on how it is reached")
  func addressable() {
    let words = (0..<40).map(stream.word(at:))
    #expect(words == (0..<10).flatMap { block in (0..<4).map { stream.words(at: UInt64(block))[$0] } })
    var generator = stream.generator
    let drawn = (0..<20).flatMap { _ -> [UInt32] in
      let value = generator.next()
      return [UInt32(truncatingIfNeeded: value >> 32), UInt32(truncatingIfNeeded: value)]
    }
    #expect(drawn == words)
    for count in [0, 1, 6, 7] {
      let tensor = Tensor.normal([count], from: stream)
      #expect(tensor.values == (0..<count).map { Float(stream.normal(at: $0)) })
    }
    let far = 1 << 40
    #expect(stream.word(at: far) != stream.word(at: 0))
  }
}

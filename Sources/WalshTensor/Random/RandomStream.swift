import Foundation

/// An endless, randomly addressable sequence of random numbers that belongs to a seed and a purpose.
///
/// Streams with different purposes are independent, and the number at a position does not depend on who asked for
/// which position before: results are the same for any number of threads and after an interruption.
public struct RandomStream: Sendable {
  private let philox: Philox4x32
  private let stream: UInt64

  /// - Parameters:
  ///   - seed: the user's seed.
  ///   - purpose: what the numbers are for, such as `"rotation/residual"`.
  ///   - index: which of many streams with that purpose, such as a layer or a step.
  public init(seed: UInt64, purpose: String, index: UInt64 = 0) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in purpose.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    philox = Philox4x32(
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    stream = hash ^ (index &* 0x9E37_79B9_7F4A_7C15)
  }

  /// The generator's key, for vector code that computes many words at once: the seed.
  public var key: UInt64 { UInt64(philox.key[1]) << 32 | UInt64(philox.key[0]) }

  /// The upper half of the generator's counter, the same for all words of the stream; the lower half is the block.
  public var counterPrefix: UInt64 { stream }

  /// Four random 32-bit words at `block`.
  public func words(at block: UInt64) -> SIMD4<UInt32> {
    philox(
      SIMD4(
        UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)))
  }

  /// The random 32-bit word at `position`.
  public func word(at position: Int) -> UInt32 {
    words(at: UInt64(position) / 4)[position % 4]
  }

  /// A number uniform in [0, 1) with 24 random bits, at `position`.
  public func uniform(at position: Int) -> Float { Float(word(at: position) >> 8) * 0x1p-24 }

  /// A number uniform in (0, 1) with 52 random bits, at `position`; never 0 and never 1.
  public func uniform64(at position: Int) -> Double {
    let w = words(at: UInt64(position) / 2)
    return position % 2 == 0 ? Self.uniform64(w[0], w[1]) : Self.uniform64(w[2], w[3])
  }

  /// The middle of one of 2⁵² equal intervals; a 53rd bit would let the last one round to 1.
  private static func uniform64(_ high: UInt32, _ low: UInt32) -> Double {
    (Double((UInt64(high) << 32 | UInt64(low)) >> 12) + 0.5) * 0x1p-52
  }

  /// A standard normal number at `position` (Box and Muller's transform of two uniform numbers).
  public func normal(at position: Int) -> Double {
    let pair = normalPair(at: UInt64(position) / 2)
    return position % 2 == 0 ? pair.0 : pair.1
  }

  /// The standard normal numbers at positions 2 · `block` and 2 · `block` + 1.
  fileprivate func normalPair(at block: UInt64) -> (Double, Double) {
    let w = words(at: block)
    let radius = (-2 * log(Self.uniform64(w[0], w[1]))).squareRoot()
    let angle = 2 * Double.pi * Self.uniform64(w[2], w[3])
    return (radius * cos(angle), radius * sin(angle))
  }

  /// +1 or −1 with equal probability, at `position`.
  public func sign(at position: Int) -> Float { word(at: position) & 1 == 0 ? 1 : -1 }

  /// A generator that reads this stream from its beginning, for APIs that take one.
  public var generator: RandomStreamGenerator { RandomStreamGenerator(stream: self) }
}

/// Reads a `RandomStream` in order. Two generators of the same stream give the same numbers.
public struct RandomStreamGenerator: RandomNumberGenerator, Sendable {
  private let stream: RandomStream
  private var position: UInt64 = 0

  init(stream: RandomStream) { self.stream = stream }

  public mutating func next() -> UInt64 {
    let w = stream.words(at: position / 2)
    let half = Int(position % 2) * 2
    position += 1
    return UInt64(w[half]) << 32 | UInt64(w[half + 1])
  }
}

extension Tensor {
  /// A tensor of standard normal numbers from `stream`: value i, row-major, is `stream.normal(at: i)` rounded.
  public static func normal(_ shape: [Int], from stream: RandomStream) -> Tensor {
    Tensor(shape: shape) { p in
      for i in stride(from: 0, to: p.count, by: 2) {
        let pair = stream.normalPair(at: UInt64(i) / 2)
        p[i] = Float(pair.0)
        if i + 1 < p.count { p[i + 1] = Float(pair.1) }
      }
    }
  }
}

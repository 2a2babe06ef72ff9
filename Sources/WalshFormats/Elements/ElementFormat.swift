/// What a single stored number is, before its scale.
public enum ElementFormat: Hashable, Sendable {
  /// Signed integers −2^(bits−1)…2^(bits−1)−1, stored with an offset (see `OffsetInteger`). 2 to 8 bits.
  case int(bits: Int)
  /// FP4, see `E2M1`.
  case e2m1
  /// FP6, see `E2M3`.
  case e2m3
  /// FP6, see `E3M2`.
  case e3m2
  /// FP8, see `E4M3`.
  case e4m3
  /// FP8, see `E5M2`.
  case e5m2

  /// The bits of one code.
  public var bits: Int {
    switch self {
    case .int(let bits): bits
    case .e2m1: E2M1.bits
    case .e2m3: E2M3.bits
    case .e3m2: E3M2.bits
    case .e4m3: E4M3.bits
    case .e5m2: E5M2.bits
    }
  }

  /// The largest value on the positive side: 7 for INT4, 6 for E2M1, 448 for E4M3.
  public var largest: Float {
    switch self {
    case .int(let bits): Float(1 << (bits - 1) - 1)
    case .e2m1: E2M1.largest
    case .e2m3: E2M3.largest
    case .e3m2: E3M2.largest
    case .e4m3: E4M3.largest
    case .e5m2: E5M2.largest
    }
  }

  /// The exponent of the largest normal number, `emax` of the MX text: 2 for E2M1.
  var largestExponent: Int {
    switch self {
    case .int(let bits): bits - 2
    case .e2m1: E2M1.largestExponent
    case .e2m3: E2M3.largestExponent
    case .e3m2: E3M2.largestExponent
    case .e4m3: E4M3.largestExponent
    case .e5m2: E5M2.largestExponent
    }
  }

  /// The width of the mantissa field, 0 for integers.
  var mantissaBits: Int {
    switch self {
    case .int: 0
    case .e2m1: E2M1.mantissaBits
    case .e2m3: E2M3.mantissaBits
    case .e3m2: E3M2.mantissaBits
    case .e4m3: E4M3.mantissaBits
    case .e5m2: E5M2.mantissaBits
    }
  }

  /// True for integers.
  public var isInteger: Bool {
    if case .int = self { true } else { false }
  }

  /// The value of `code`; the integer of a symmetric format for integers.
  public func decode(_ code: UInt8) -> Float {
    switch self {
    case .int(let bits): Float(Int(code) - OffsetInteger.zeroPoint(bits: bits))
    case .e2m1: E2M1.decode(code)
    case .e2m3: E2M3.decode(code)
    case .e3m2: E3M2.decode(code)
    case .e4m3: E4M3.decode(code)
    case .e5m2: E5M2.decode(code)
    }
  }

  /// The code nearest to `value`, saturated to the finite range; see `MiniFloat.encode` and `OffsetInteger`.
  ///
  /// - Parameters:
  ///   - value: what to encode, already divided by its scale.
  ///   - rounding: the rule between two neighbours.
  ///   - index: the element's position in the stream of stochastic rounding.
  public func encode(_ value: Float, rounding: Rounding = .nearestEven, at index: Int = 0) -> UInt8 {
    switch self {
    case .int(let bits):
      OffsetInteger.encode(
        value, zeroPoint: OffsetInteger.zeroPoint(bits: bits), bits: bits, rounding: rounding, at: index)
    case .e2m1: E2M1.encode(value, rounding: rounding, at: index)
    case .e2m3: E2M3.encode(value, rounding: rounding, at: index)
    case .e3m2: E3M2.encode(value, rounding: rounding, at: index)
    case .e4m3: E4M3.encode(value, rounding: rounding, at: index)
    case .e5m2: E5M2.encode(value, rounding: rounding, at: index)
    }
  }

  /// The values of all codes 0..<2^bits.
  var table: [Float] { (0..<1 << bits).map { decode(UInt8($0)) } }
}

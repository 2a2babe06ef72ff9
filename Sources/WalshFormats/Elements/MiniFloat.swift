/// A floating-point format of at most eight bits: sign, exponent, mantissa, with gradual underflow.
///
/// A code of magnitude c has the value m·2^(1−bias−mantissaBits) for an exponent field of 0 (m = c), and
/// (1 + m/2^mantissaBits)·2^(e−bias) otherwise. Codes of one sign are ordered like their values, which both the
/// encoder and stochastic rounding use.
public protocol MiniFloat {
  /// The width of the exponent field.
  static var exponentBits: Int { get }
  /// The width of the mantissa field.
  static var mantissaBits: Int { get }
  /// What is subtracted from the exponent field.
  static var bias: Int { get }
  /// The magnitude code of the largest finite value.
  static var largestCode: UInt8 { get }
  /// The largest finite value, that of `largestCode`.
  static var largest: Float { get }
  /// The code of NaN, or nil where the format has none.
  static var nanCode: UInt8? { get }
  /// The value of a magnitude code above `largestCode`: infinity or NaN.
  static func special(_ magnitude: UInt8) -> Float
}

extension MiniFloat {
  /// The bits of a code, sign included.
  public static var bits: Int { 1 + exponentBits + mantissaBits }
  /// The sign's place in a code.
  static var signBit: UInt8 { 1 << UInt8(exponentBits + mantissaBits) }
  /// The exponent of the largest finite value, `emax` of the MX text.
  static var largestExponent: Int { Int(largestCode) >> mantissaBits - bias }

  public static func special(_ magnitude: UInt8) -> Float { .nan }

  /// The value of `code`. Bits above the format's width are ignored.
  public static func decode(_ code: UInt8) -> Float {
    let magnitude = code & (signBit - 1)
    let negative = code & signBit != 0
    guard magnitude <= largestCode else { return negative ? -special(magnitude) : special(magnitude) }
    let exponent = max(Int(magnitude) >> mantissaBits, 1)
    let significand = Int(magnitude) - (exponent - 1) << mantissaBits
    let value = Float(significand) * powerOfTwo(exponent - bias - mantissaBits)
    return negative ? -value : value
  }

  /// The code nearest to `value` by `rounding`.
  ///
  /// Magnitudes above the largest finite value saturate, infinity included; NaN becomes `nanCode`, or 0 where the
  /// format has none (a quantizer then says NaN in the scale). The sign bit of `value` is kept, also for zero results.
  ///
  /// - Parameters:
  ///   - value: what to encode.
  ///   - rounding: the rule between two neighbours.
  ///   - index: the position in the random stream; only stochastic rounding reads it.
  @inline(__always)
  public static func encode(_ value: Float, rounding: Rounding = .nearestEven, at index: Int = 0) -> UInt8 {
    if value.isNaN { return nanCode ?? 0 }
    let sign = value.sign == .minus ? signBit : 0
    let magnitude = min(value.magnitude, largest)
    let exponent = max(Int(magnitude.bitPattern >> 23) - 127, 1 - bias)
    // Exact: a division by a power of two that keeps at most mantissaBits + 1 bits before the point.
    let steps = magnitude * powerOfTwo(mantissaBits - exponent)
    let below = Int(steps)
    let up = rounding.roundsUp(fraction: steps - Float(below), odd: below & 1 == 1, index: index)
    let code = (exponent + bias - 1) << mantissaBits + below + (up ? 1 : 0)
    return sign | UInt8(code)
  }
}

/// 2^exponent for the exponents of normal numbers, −126…127.
@inline(__always)
func powerOfTwo(_ exponent: Int) -> Float { Float(bitPattern: UInt32(exponent + 127) << 23) }

/// Integers of 2…8 bits, stored with an offset: code = q + 2^(bits−1), so that the codes of INT4 are 0…15 for −8…7.
///
/// This is the byte order of compressed-tensors; a symmetric integer format is an asymmetric one whose zero point is
/// fixed at 2^(bits−1).
public enum OffsetInteger {
  /// The code of q = 0 in a symmetric format.
  @inline(__always)
  static func zeroPoint(bits: Int) -> Int { 1 << (bits - 1) }

  /// The code nearest to `value + zeroPoint`, saturated to 0…2^bits − 1. NaN becomes the zero point.
  @inline(__always)
  static func encode(_ value: Float, zeroPoint: Int, bits: Int, rounding: Rounding, at index: Int) -> UInt8 {
    if value.isNaN { return UInt8(zeroPoint) }
    let largest = 1 << bits - 1
    // Beyond ±512 every width saturates; the clamp keeps the conversion to Int defined.
    let magnitude = min(value.magnitude, 512)
    let below = Int(magnitude)
    let up = rounding.roundsUp(fraction: magnitude - Float(below), odd: below & 1 == 1, index: index)
    let q = below + (up ? 1 : 0)
    return UInt8(min(max((value < 0 ? -q : q) + zeroPoint, 0), largest))
  }
}

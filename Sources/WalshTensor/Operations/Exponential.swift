/// exp(x) without a branch or a call, so that a loop over it is vectorised; the same bits on every machine.
///
/// x = n·log 2 + r with |r| ≤ ½ log 2, log 2 in two parts (Cody and Waite), and a polynomial of degree 7 in r with the
/// coefficients of Cephes. Less than 1 unit in the last place from exact. NaN gives NaN, below −104 gives 0, above 89 infinity.
@inline(__always)
func vectorExp(_ x: Float) -> Float {
  // Both comparisons are false for NaN, which stays.
  var clamped = x < -104 ? -104 : x
  clamped = clamped > 89 ? 89 : clamped
  // Adding 1.5·2²³ rounds to an integer and leaves it in the low bits.
  let shifted = clamped * 1.442_695_04 + 0x1.8p23
  let n = shifted - 0x1.8p23
  let r = (clamped - n * 0.693_359_375) - n * -2.121_944_40e-4
  var p: Float = 1.987_569_15e-4
  p = p * r + 1.398_199_950_7e-3
  p = p * r + 8.333_451_907_3e-3
  p = p * r + 4.166_579_589_4e-2
  p = p * r + 1.666_666_545_9e-1
  p = p * r + 5.000_000_120_1e-1
  p = (p * r * r + r) + 1
  // 2ⁿ in two factors, because 2⁻¹⁴⁹ and 2¹²⁸ are no normal numbers.
  let exponent = Int32(bitPattern: shifted.bitPattern) &- 0x4B40_0000
  let half = exponent &>> 1
  let first = Float(bitPattern: UInt32(bitPattern: (half &+ 127) &<< 23))
  let second = Float(bitPattern: UInt32(bitPattern: (exponent &- half &+ 127) &<< 23))
  return p * first * second
}

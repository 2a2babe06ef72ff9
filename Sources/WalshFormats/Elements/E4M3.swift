/// FP8 "e4m3fn": s|eeee|mmm, bias 7. Largest 448 (0x7E), smallest 2⁻⁹; 0x7F is NaN, there is no infinity. OCP OFP8.
///
/// Finite values above 448 and infinity become 448 (libraries disagree there; clamping first makes them agree).
public enum E4M3: MiniFloat {
  public static let exponentBits = 4
  public static let mantissaBits = 3
  public static let bias = 7
  public static let largestCode: UInt8 = 0x7E
  public static let largest: Float = 448
  public static let nanCode: UInt8? = 0x7F
}

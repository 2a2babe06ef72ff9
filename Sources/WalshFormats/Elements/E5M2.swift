/// FP8 with the range of half precision: s|eeeee|mm, bias 15. Largest 57344 (0x7B), smallest 2⁻¹⁶; 0x7C is infinity
/// and 0x7D…0x7F are NaN. OCP OFP8.
///
/// `encode` saturates, so it produces infinity for no input; `decode` reads it.
public enum E5M2: MiniFloat {
  public static let exponentBits = 5
  public static let mantissaBits = 2
  public static let bias = 15
  public static let largestCode: UInt8 = 0x7B
  public static let largest: Float = 57344
  public static let nanCode: UInt8? = 0x7F

  public static func special(_ magnitude: UInt8) -> Float { magnitude == 0x7C ? .infinity : .nan }
}

/// FP6 with the longer mantissa: s|ee|mmm, bias 1. Largest 7.5, smallest 0.125; no infinity, no NaN. OCP MX v1.0.
public enum E2M3: MiniFloat {
  public static let exponentBits = 2
  public static let mantissaBits = 3
  public static let bias = 1
  public static let largestCode: UInt8 = 0x1F
  public static let largest: Float = 7.5
  public static let nanCode: UInt8? = nil
}

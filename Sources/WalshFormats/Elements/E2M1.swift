/// FP4: s|ee|m, bias 1. Magnitudes 0, 0.5, 1, 1.5, 2, 3, 4, 6; no infinity, no NaN. OCP MX v1.0, section 5.3.3.
public enum E2M1: MiniFloat {
  public static let exponentBits = 2
  public static let mantissaBits = 1
  public static let bias = 1
  public static let largestCode: UInt8 = 7
  public static let largest: Float = 6
  public static let nanCode: UInt8? = nil

  /// Twice the value of each of the sixteen codes, small integers: a product of two is exact in eight-bit arithmetic.
  public static let doubled: [Int8] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]
}

/// FP6 with the wider range: s|eee|mm, bias 3. Largest 28, smallest 0.0625; no infinity, no NaN. OCP MX v1.0.
public enum E3M2: MiniFloat {
  public static let exponentBits = 3
  public static let mantissaBits = 2
  public static let bias = 3
  public static let largestCode: UInt8 = 0x1F
  public static let largest: Float = 28
  public static let nanCode: UInt8? = nil
}

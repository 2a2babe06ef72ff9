/// The power-of-two block scale of the MX formats: byte b is 2^(b−127), 255 is NaN; there is no zero and no sign.
/// OCP MX v1.0, section 5.4.1.
public enum E8M0 {
  /// The byte that stands for NaN.
  public static let nan: UInt8 = 255

  /// The value of `byte`. Byte 0 is 2⁻¹²⁷, a subnormal that shifting the byte into the exponent field would miss.
  @inline(__always)
  public static func decode(_ byte: UInt8) -> Float {
    switch byte {
    case 0: Float(bitPattern: 0x0040_0000)
    case 255: .nan
    default: Float(bitPattern: UInt32(byte) << 23)
    }
  }

  /// 1 / `decode(byte)`, exact; NaN for NaN.
  @inline(__always)
  static func reciprocal(_ byte: UInt8) -> Float { byte == nan ? .nan : decode(254 - byte) }
}

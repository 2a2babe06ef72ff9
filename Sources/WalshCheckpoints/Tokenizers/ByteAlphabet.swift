/// GPT-2's alphabet, which writes every byte as a printable scalar: printable Latin-1 as itself, the
/// other bytes as the scalars from U+0100 on, in order.
enum ByteAlphabet {
  /// The scalar of each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (0..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return UInt32(byte)
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte of each scalar up to the last used; nil for scalars outside the alphabet.
  static let bytes: [UInt8?] = {
    var bytes: [UInt8?] = Array(repeating: nil, count: 0x100 + 68)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt8(byte) }
    return bytes
  }()

  /// Appends the UTF-8 of the scalars of `text`'s bytes.
  static func write(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
    scalars.withUnsafeBufferPointer { scalars in
      for byte in text {
        let scalar = scalars[Int(byte)]
        if scalar < 0x80 {
          output.append(UInt8(scalar))
        } else {
          output.append(UInt8(0xC0 | scalar >> 6))
          output.append(UInt8(0x80 | scalar & 0x3F))
        }
      }
    }
  }

  /// The bytes that `token` stands for; the UTF-8 of the token itself when it has a scalar outside the alphabet.
  static func read(_ token: String) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(token.utf8.count)
    for scalar in token.unicodeScalars {
      guard scalar.value < bytes.count, let byte = bytes[Int(scalar.value)] else { return Array(token.utf8) }
      result.append(byte)
    }
    return result
  }
}

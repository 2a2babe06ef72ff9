/// A 64-bit checksum (FNV-1a over 8-byte words, then the rest byte by byte) for noticing that a file or a setting is not
/// the one of before. Not a defence against anyone.
struct Fingerprint {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var i = 0
    while i + 8 <= bytes.count {
      value =
        (value ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))) &* 0x100_0000_01b3
      value ^= value >> 29
      i += 8
    }
    for j in i..<bytes.count { value = (value ^ UInt64(bytes[j])) &* 0x100_0000_01b3 }
  }

  mutating func add(_ text: String) {
    var text = text + "\0"
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  /// Sixteen hexadecimal digits.
  var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

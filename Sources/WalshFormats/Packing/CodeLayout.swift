/// How the codes of a row lie in bytes: one little-endian stream, element i in bits i·b…i·b + b − 1, lowest first.
///
/// For four bits these are the "sequential pairs" of compressed-tensors, Model-Optimizer, torchao and MLX (even element
/// in the low nibble); for integers the rows are whole 32-bit words, so INT4 and INT8 are compressed-tensors'
/// `pack-quantized`. INT3 is a dense stream, 32 codes in three words. FP6 codes take a byte each, as in torchao (the
/// OCP text fixes no packed form). Bits beyond the last column are zero.
struct CodeLayout {
  /// The bits an element takes in memory.
  let bits: Int
  /// Rows are padded to a multiple of this many bytes.
  let rowAlignment: Int

  init(_ element: ElementFormat) {
    switch element {
    case .int(let bits): (self.bits, rowAlignment) = (bits, 4)
    case .e2m1: (bits, rowAlignment) = (4, 1)
    case .e2m3, .e3m2, .e4m3, .e5m2: (bits, rowAlignment) = (8, 1)
    }
  }

  /// The bytes of a row.
  func rowByteCount(columns: Int) -> Int {
    let bytes = (columns * bits + 7) / 8
    return (bytes + rowAlignment - 1) / rowAlignment * rowAlignment
  }

  /// Writes `count` codes, one a byte, into a row. The row's bytes must be zero.
  func pack(_ codes: UnsafePointer<UInt8>, count: Int, into row: UnsafeMutablePointer<UInt8>) {
    switch bits {
    case 8: row.update(from: codes, count: count)
    case 4:
      for i in 0..<count / 2 { row[i] = codes[2 * i] | codes[2 * i + 1] << 4 }
      if count % 2 == 1 { row[count / 2] = codes[count - 1] }
    default:
      for i in 0..<count {
        let bit = i * bits
        let word = UInt16(codes[i]) << UInt16(bit % 8)
        row[bit / 8] |= UInt8(truncatingIfNeeded: word)
        if word > 255 { row[bit / 8 + 1] |= UInt8(word >> 8) }
      }
    }
  }

  /// Reads `count` codes of a row, one a byte.
  func unpack(_ row: UnsafePointer<UInt8>, count: Int, into codes: UnsafeMutablePointer<UInt8>) {
    switch bits {
    case 8: codes.update(from: row, count: count)
    case 4:
      for i in 0..<count / 2 {
        codes[2 * i] = row[i] & 15
        codes[2 * i + 1] = row[i] >> 4
      }
      if count % 2 == 1 { codes[count - 1] = row[count / 2] & 15 }
    default:
      let mask = UInt16(1 << bits - 1)
      for i in 0..<count {
        let bit = i * bits
        var word = UInt16(row[bit / 8]) >> UInt16(bit % 8)
        if bit % 8 + bits > 8 { word |= UInt16(row[bit / 8 + 1]) << UInt16(8 - bit % 8) }
        codes[i] = UInt8(word & mask)
      }
    }
  }
}

/// The order of block scales that tensor cores read (cuBLAS, `to_blocked` of torchao, TransformerEngine).
///
/// A matrix of R × C scale bytes is padded with zeros to multiples of 128 and 4 and cut into tiles of 128 × 4 = 512
/// bytes, in row-major order; inside a tile the scale (r, c) lies at (r mod 32)·16 + (r div 32)·4 + c. Checkpoints on
/// disk are not swizzled: swizzling twice, or not undoing it, gives plausible garbage.
public enum ScaleSwizzle {
  /// The bytes of a swizzled matrix of scales.
  public static func byteCount(rows: Int, columns: Int) -> Int {
    (rows + 127) / 128 * ((columns + 3) / 4) * 512
  }

  /// Where the scale (row, column) of a matrix with `columns` columns lies.
  public static func offset(row: Int, column: Int, columns: Int) -> Int {
    let tile = row / 128 * ((columns + 3) / 4) + column / 4
    let r = row % 128
    return tile * 512 + r % 32 * 16 + r / 32 * 4 + column % 4
  }

  /// The scales of a row-major matrix in tensor-core order, padded with zeros.
  public static func swizzled(_ scales: [UInt8], rows: Int, columns: Int) -> [UInt8] {
    precondition(scales.count == rows * columns, "\(scales.count) scales are not \(rows) × \(columns).")
    var result = [UInt8](repeating: 0, count: byteCount(rows: rows, columns: columns))
    for row in 0..<rows {
      for column in 0..<columns {
        result[offset(row: row, column: column, columns: columns)] = scales[row * columns + column]
      }
    }
    return result
  }

  /// The row-major matrix of swizzled scales, without the padding.
  public static func unswizzled(_ scales: [UInt8], rows: Int, columns: Int) -> [UInt8] {
    precondition(
      scales.count == byteCount(rows: rows, columns: columns),
      "\(scales.count) bytes are not the swizzled scales of \(rows) × \(columns).")
    return (0..<rows * columns).map {
      scales[offset(row: $0 / columns, column: $0 % columns, columns: columns)]
    }
  }
}

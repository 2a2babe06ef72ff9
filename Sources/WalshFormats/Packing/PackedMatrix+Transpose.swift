import CKernels

extension PackedMatrix {
  /// The transpose of a matrix in tiles of 16 × 16, in the same format: quantizing and transposing commute, so that this
  /// is what quantizing the transposed matrix gives. Nil for other formats and for rows or columns that end in part of a
  /// tile.
  ///
  /// - Complexity: O(rows · columns) without decoding.
  public var transposedTiles: PackedMatrix? {
    guard format.granularity == .tile16, rows % 16 == 0, columns % 16 == 0 else { return nil }
    let (across, down) = (columns / 16, rows / 16)
    let transposedScales = [UInt8](unsafeUninitializedCapacity: columns * down) { out, count in
      for tileColumn in 0..<across {
        for tileRow in 0..<down {
          let scale = scales[tileRow * 16 * across + tileColumn]
          for row in tileColumn * 16..<tileColumn * 16 + 16 { out[row * down + tileRow] = scale }
        }
      }
      count = columns * down
    }
    let transposedCodes = [UInt8](unsafeUninitializedCapacity: columns * rows / 2) { out, count in
      walsh_transpose_codes(codes, rows, columns, out.baseAddress)
      count = columns * rows / 2
    }
    return PackedMatrix(
      scales: BlockScales(
        format: format, rows: columns, columns: rows, bytes: transposedScales, tensorScale: globalScale),
      codes: transposedCodes)
  }
}

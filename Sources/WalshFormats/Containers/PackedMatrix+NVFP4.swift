extension PackedMatrix {
  /// This MXFP4 matrix as NVFP4, number for number: the codes stay, each scale serves both halves of its 32.
  ///
  /// The tensor scale becomes a power of two 2^m (stored as the divisor 2^−m) and the block scales 2^(k − m), exact in
  /// E4M3 for k − m in −9…8. Groups whose codes are all zero may take any scale.
  ///
  /// - Throws: `FormatError.wrongFormat` unless this is MXFP4 in groups of 32, `.tooManyBinades` when the scales span
  ///   more than 17.
  public func asNVFP4() throws(FormatError) -> PackedMatrix {
    guard case .e8m0 = format.scale, format.element == .e2m1, format.granularity == .group(32), globalScale == nil
    else {
      throw .wrongFormat(format, container: "The lossless conversion from MXFP4 to NVFP4")
    }
    let groups = blockScales.groupsPerRow
    let exponents: [Int?] = (0..<rows).flatMap { row in
      let line = codes(ofRow: row)
      return (0..<groups).map { group in
        let byte = scales[row * groups + group]
        let isZero = line[group * 32..<min(group * 32 + 32, columns)].allSatisfy { $0 & 7 == 0 }
        return isZero || byte == E8M0.nan ? nil : Int(byte) - 127
      }
    }
    let used = exponents.compactMap { $0 }
    let (least, greatest) = (used.min() ?? 0, used.max() ?? 0)
    guard greatest - least <= 17 else { throw .tooManyBinades(greatest - least) }
    // 2^−m must stay a normal Float32; near the bottom of its range the block scales then sit lower in E4M3.
    let m = max(greatest - 8, -126)
    let halves = (columns + 15) / 16
    var bytes: [UInt8] = []
    for row in 0..<rows {
      for half in 0..<halves {
        let i = row * groups + half / 2
        let isNaN = scales[i] == E8M0.nan
        bytes.append(isNaN ? 0x7F : exponents[i].map { E4M3.encode(powerOfTwo($0 - m)) } ?? 0)
      }
    }
    return PackedMatrix(
      format: .nvfp4, rows: rows, columns: columns, codes: codes, scales: bytes, globalScale: powerOfTwo(-m))
  }
}

import WalshTensor

/// ggml's own quantizers, bit for bit: what `llama-quantize` would write. `Quantizer` is the better choice for quality.
///
/// Elements take the first minimum of |value·d − x| over the codes 0…15: ties go to the smaller magnitude and −0 is
/// never written. MXFP4 uses the FLOOR rule. NVFP4 has no tensor scale, and its scale conversion rounds half up,
/// stores everything that rounds to 256 or more as 448, and keeps subnormals as ⌊512·x + ½⌋ ≤ 7.
extension GGUFBlocks {
  /// Quantizes `x` as ggml does.
  ///
  /// - Throws: `FormatError` when the rows are ragged or a block holds NaN or infinity.
  public init(ggml x: Tensor, kind: Kind) throws(FormatError) {
    let (rows, columns) = (x.rowCount, x.columns)
    guard columns % kind.elementCount == 0 else {
      throw .columnsNotWhole(columns: columns, multiple: kind.elementCount, container: kind.container)
    }
    let values = x.values
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count / kind.elementCount * kind.byteCount)
    for start in stride(from: 0, to: values.count, by: kind.elementCount) {
      var scales: [UInt8] = []
      var codes: [UInt8] = []
      for group in stride(from: start, to: start + kind.elementCount, by: kind.group) {
        let block = values[group..<group + kind.group]
        guard block.allSatisfy(\.isFinite) else {
          throw .notFinite(
            row: group / columns, group: group % columns / kind.group, container: kind.container)
        }
        let amax = block.reduce(0) { max($0, $1.magnitude) }
        let byte: UInt8
        let scale: Float
        switch kind {
        case .mxfp4:
          byte = E8M0Rule.floor.byte(amax: amax, element: .e2m1) { 0 }
          scale = E8M0.decode(byte)
        case .nvfp4:
          byte = Self.unsignedE4M3(amax / 6)
          scale = E4M3.decode(byte)
        }
        scales.append(byte)
        codes += block.map { Self.nearestCode($0, scale: scale) }
      }
      bytes += Self.block(kind, scales: scales, codes: codes[...])
    }
    try self.init(kind: kind, rows: rows, columns: columns, bytes: bytes)
  }

  /// The first code whose value times `scale` is nearest to `x`.
  private static func nearestCode(_ x: Float, scale: Float) -> UInt8 {
    var best: UInt8 = 0
    var least = x.magnitude
    for code in UInt8(1)..<16 {
      let error = abs(Float(E2M1.doubled[Int(code)]) * (scale * 0.5) - x)
      if error < least { (best, least) = (code, error) }
    }
    return best
  }

  /// ggml's conversion of a positive scale to E4M3 without a sign.
  static func unsignedE4M3(_ x: Float) -> UInt8 {
    guard x > 0 else { return 0 }
    let x = min(x, 448)
    if x < 0x1p-6 { return UInt8(min((512 * x + 0.5).rounded(.down), 7)) }
    // Half up on the fourth mantissa bit; the exponent field 15 is never used but for 448.
    let code = Int(x.bitPattern >> 20) - 960 + Int(x.bitPattern >> 19 & 1)
    return code >= 0x78 ? 0x7E : UInt8(code)
  }
}

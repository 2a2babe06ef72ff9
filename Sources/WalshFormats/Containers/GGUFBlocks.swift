import WalshTensor

/// The interleaved blocks of GGUF files: MXFP4 (type 39) and NVFP4 (type 40).
///
/// | kind | elements | bytes | layout |
/// |---|---|---|---|
/// | MXFP4 | 32 | 17 | scale byte, then byte j = element j (low nibble) and j + 16 (high) |
/// | NVFP4 | 64 | 36 | four scale bytes, then for sub-block s byte 8s + j = element 16s + j (low) and 16s + j + 8 (high) |
///
/// NVFP4's tensor scale is not in the blocks: GGUF keeps it in a tensor named `….scale` and multiplies by it.
public struct GGUFBlocks: Hashable, Sendable {
  /// The block types.
  public enum Kind: String, CaseIterable, Sendable {
    case mxfp4 = "MXFP4"
    case nvfp4 = "NVFP4"

    /// The type id in a GGUF file.
    public var typeID: Int32 { self == .mxfp4 ? 39 : 40 }
    /// The elements of a block.
    public var elementCount: Int { self == .mxfp4 ? 32 : 64 }
    /// The bytes of a block.
    public var byteCount: Int { self == .mxfp4 ? 17 : 36 }
    /// The elements that share a scale.
    var group: Int { self == .mxfp4 ? 32 : 16 }
    /// The scales of a block, stored before its codes.
    var scaleCount: Int { self == .mxfp4 ? 1 : 4 }
    var container: String { "GGUF \(rawValue)" }
  }

  /// Which blocks these are.
  public let kind: Kind
  /// The rows of the matrix.
  public let rows: Int
  /// The columns of the matrix, a multiple of `kind.elementCount`.
  public let columns: Int
  /// The blocks, row-major.
  public let bytes: [UInt8]
  /// What the decoded blocks are multiplied by, the `.scale` tensor: 1 / `PackedMatrix.globalScale`.
  public let tensorScale: Float

  /// Blocks read from a file. `bytes.count` must be that of the shape.
  ///
  /// - Throws: `FormatError.columnsNotWhole`.
  public init(kind: Kind, rows: Int, columns: Int, bytes: [UInt8], tensorScale: Float = 1) throws(FormatError) {
    try Self.check(columns: columns, kind: kind)
    let expected = rows * columns / kind.elementCount * kind.byteCount
    precondition(bytes.count == expected, "\(kind.container) of \(rows) × \(columns) has \(expected) bytes.")
    (self.kind, self.rows, self.columns, self.bytes) = (kind, rows, columns, bytes)
    self.tensorScale = tensorScale
  }

  /// Repacks a matrix without changing a number; E4M3 scale bytes lose their sign bit, which is never set.
  ///
  /// - Throws: `FormatError` when the matrix is neither MXFP4 nor NVFP4, has ragged rows, or holds NaN (ggml would read
  ///   0x7F as zero and rejects 0xFF).
  public init(_ packed: PackedMatrix) throws(FormatError) {
    guard let kind = Self.kind(of: packed.format) else {
      throw .wrongFormat(packed.format, container: "GGUF")
    }
    try Self.check(columns: packed.columns, kind: kind)
    let groups = packed.columns / kind.group
    if let bad = packed.scales.firstIndex(of: kind == .mxfp4 ? 0xFF : 0x7F) {
      throw .notFinite(row: bad / groups, group: bad % groups, container: kind.container)
    }
    bytes = (0..<packed.rows).flatMap { row in
      let codes = packed.codes(ofRow: row)
      return stride(from: 0, to: groups, by: kind.scaleCount).flatMap { first in
        let scales = packed.scales[row * groups + first..<row * groups + first + kind.scaleCount]
        return Self.block(
          kind, scales: scales.map { kind == .mxfp4 ? $0 : $0 & 0x7F }, codes: codes[(first * kind.group)...])
      }
    }
    (self.kind, rows, columns) = (kind, packed.rows, packed.columns)
    tensorScale = 1 / (packed.globalScale ?? 1)
  }

  /// The same numbers as a packed matrix: MXFP4, or NVFP4 with the tensor scale as its divisor.
  public var packed: PackedMatrix {
    var scales: [UInt8] = []
    var codes: [UInt8] = []
    codes.reserveCapacity(rows * columns / 2)
    let half = kind.group / 2
    for block in stride(from: 0, to: bytes.count, by: kind.byteCount) {
      scales += bytes[block..<block + kind.scaleCount].map(kind.storedScale)
      for s in 0..<kind.scaleCount {
        let data = bytes[(block + kind.scaleCount + s * half)...].prefix(half)
        let elements = data.map { $0 & 15 } + data.map { $0 >> 4 }
        codes += (0..<half).map { elements[2 * $0] | elements[2 * $0 + 1] << 4 }
      }
    }
    return PackedMatrix(
      format: kind == .mxfp4 ? .mxfp4(.floor) : .nvfp4, rows: rows, columns: columns, codes: codes, scales: scales,
      globalScale: kind == .mxfp4 ? nil : 1 / tensorScale)
  }

  /// The decoded matrix, as ggml decodes the blocks, times the tensor scale.
  public func unpacked() -> Tensor {
    let plain = packed
    let scales = BlockScales(
      format: plain.format, rows: rows, columns: columns, bytes: plain.scales, tensorScale: 1)
    var y = PackedMatrix(scales: scales, codes: plain.codes).unpacked()
    y.withUnsafeMutableBufferPointer { y in
      for i in y.indices { y[i] *= tensorScale }
    }
    return y
  }

  private static func check(columns: Int, kind: Kind) throws(FormatError) {
    guard columns % kind.elementCount == 0 else {
      throw .columnsNotWhole(columns: columns, multiple: kind.elementCount, container: kind.container)
    }
  }

  private static func kind(of format: NumericFormat) -> Kind? {
    switch (format.element, format.granularity, format.scale) {
    case (.e2m1, .group(32), .e8m0(let rule)) where rule.dataFactor == 1: .mxfp4
    case (.e2m1, .group(16), .e4m3), (.e2m1, .tile16, .e4m3): .nvfp4
    default: nil
    }
  }

  /// One block: its scales, then the codes of each group in split halves.
  static func block(_ kind: Kind, scales: [UInt8], codes: ArraySlice<UInt8>) -> [UInt8] {
    let half = kind.group / 2
    return scales
      + (0..<kind.scaleCount).flatMap { s in
        let start = codes.startIndex + s * kind.group
        return (start..<start + half).map { codes[$0] | codes[$0 + half] << 4 }
      }
  }
}

extension GGUFBlocks.Kind {
  /// The scale byte of a file as a scale of ours: ggml reads 0x7F of NVFP4 as zero and ignores the sign.
  fileprivate func storedScale(_ byte: UInt8) -> UInt8 {
    self == .mxfp4 ? byte : byte & 0x7F == 0x7F ? 0 : byte & 0x7F
  }
}

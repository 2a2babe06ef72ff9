import WalshTensor

/// The scales of a quantized matrix, exactly as they are stored, and their meaning.
///
/// Everything that encodes or decodes derives its numbers from the stored bytes, so that fake quantization, packing
/// and a checkpoint read back are one definition. Scale (row, group) lies at index row · groupsPerRow + group; a tensor
/// scale format has one scale at index 0; tiles repeat theirs for every row.
public struct BlockScales: Hashable, Sendable {
  /// The format that the scales belong to.
  public let format: NumericFormat
  /// The rows of the matrix.
  public let rows: Int
  /// The columns of the matrix.
  public let columns: Int
  /// The stored scales, `format.scale.byteCount` little-endian bytes each.
  public let bytes: [UInt8]
  /// The tensor scale, a **divisor**: 2688 / A for NVFP4 (compressed-tensors' `weight_global_scale`, the reciprocal of
  /// Model-Optimizer's `weight_scale_2`); nil where the format has none.
  public let tensorScale: Float?
  /// The codes that stand for zero, one for each scale; nil for symmetric formats.
  public let zeroPoints: [UInt8]?
  /// The scales of each row.
  public let groupsPerRow: Int

  /// Scales read from elsewhere.
  ///
  /// - Parameters:
  ///   - format: the format of the matrix.
  ///   - rows: its rows.
  ///   - columns: its columns.
  ///   - bytes: `format.scaleCount(rows:columns:) · format.scale.byteCount` bytes.
  ///   - tensorScale: the divisor of a two-level format; nil means 1.
  ///   - zeroPoints: one for each scale of an asymmetric format.
  public init(
    format: NumericFormat, rows: Int, columns: Int, bytes: [UInt8], tensorScale: Float? = nil,
    zeroPoints: [UInt8]? = nil
  ) {
    let count = format.scaleCount(rows: rows, columns: columns)
    precondition(
      bytes.count == count * format.scale.byteCount,
      "\(format) needs \(count * format.scale.byteCount) scale bytes for \(rows) × \(columns), not \(bytes.count).")
    precondition(
      zeroPoints?.count == (format.symmetry == .asymmetric ? count : nil),
      "\(format) needs \(format.symmetry == .asymmetric ? count : 0) zero points, not \(zeroPoints?.count ?? 0).")
    self.format = format
    self.rows = rows
    self.columns = columns
    self.bytes = bytes
    self.tensorScale = tensorScale ?? format.fixedTensorScale
    self.zeroPoints = zeroPoints
    groupsPerRow = format.groupsPerRow(columns: columns)
  }

  /// Where the scale of (row, group) is stored, counted in scales.
  @inline(__always)
  func index(row: Int, group: Int) -> Int {
    format.granularity == .tensor ? 0 : row * groupsPerRow + group
  }

  /// The factor that decodes the elements of `group` in `row`: stored scale / tensor scale. NaN for a group that held
  /// NaN or infinity.
  public func scale(row: Int, group: Int) -> Float { codec(row: row, group: group).scale }

  /// The code that decodes to zero in `group` of `row`, for integer formats; 0 for others.
  public func zeroPoint(row: Int, group: Int) -> Int { codec(row: row, group: group).zeroPoint }

  /// The arithmetic of one group.
  @inline(__always)
  func codec(row: Int, group: Int) -> GroupCodec {
    let i = index(row: row, group: group)
    return bytes.withUnsafeBufferPointer { bytes in
      let pattern =
        switch format.scale {
        case .float32:
          UInt32(bytes[4 * i]) | UInt32(bytes[4 * i + 1]) << 8 | UInt32(bytes[4 * i + 2]) << 16
            | UInt32(bytes[4 * i + 3]) << 24
        case .bfloat16: UInt32(bytes[2 * i]) | UInt32(bytes[2 * i + 1]) << 8
        case .e8m0, .e4m3: UInt32(bytes[i])
        }
      return GroupCodec(
        format: format, pattern: pattern, tensorScale: tensorScale, zeroPoint: zeroPoints.map { Int($0[i]) })
    }
  }
}

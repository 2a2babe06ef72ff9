import CKernels
import WalshTensor

/// A quantized matrix as it is stored: codes, scales, and what decodes them.
///
/// The bytes are those of compressed-tensors: `codes` is its `weight_packed` (see `CodeLayout` for the order), `scales`
/// its `weight_scale`, `tensorScale` its `weight_global_scale`, a divisor. For NVFP4
/// x̂ = value(code) · (scale / tensorScale); Model-Optimizer's `weight_scale_2` and GGUF's `.scale` are 1 / tensorScale.
public struct PackedMatrix: Hashable, Sendable {
  /// Scales, zero points, format and shape.
  public let blockScales: BlockScales
  /// The codes, `rowByteCount` bytes a row.
  public let codes: [UInt8]
  /// The bytes of a row of codes.
  public let rowByteCount: Int

  /// What the numbers are.
  public var format: NumericFormat { blockScales.format }
  /// The rows: output features of a weight.
  public var rows: Int { blockScales.rows }
  /// The columns: input features of a weight.
  public var columns: Int { blockScales.columns }
  /// The stored scales, row-major, `format.scale.byteCount` bytes each.
  public var scales: [UInt8] { blockScales.bytes }
  /// The tensor scale, a divisor; nil where the format has none.
  public var globalScale: Float? { blockScales.tensorScale }
  /// The codes that stand for zero in an asymmetric format, one for each scale.
  public var zeroPoints: [UInt8]? { blockScales.zeroPoints }
  /// The bytes of codes, scales and zero points.
  public var byteCount: Int { codes.count + scales.count + (zeroPoints?.count ?? 0) + (globalScale == nil ? 0 : 4) }

  /// A matrix of `codes` with their scales. `codes.count` must be rows · the bytes of a row.
  public init(scales: BlockScales, codes: [UInt8]) {
    blockScales = scales
    self.codes = codes
    rowByteCount = CodeLayout(scales.format.element).rowByteCount(columns: scales.columns)
    precondition(
      codes.count == scales.rows * rowByteCount,
      "\(scales.format) needs \(rowByteCount) bytes for each of \(scales.rows) rows, not \(codes.count) in all.")
  }

  /// A matrix read from a file.
  public init(
    format: NumericFormat, rows: Int, columns: Int, codes: [UInt8], scales: [UInt8], globalScale: Float? = nil,
    zeroPoints: [UInt8]? = nil
  ) {
    self.init(
      scales: BlockScales(
        format: format, rows: rows, columns: columns, bytes: scales, tensorScale: globalScale,
        zeroPoints: zeroPoints),
      codes: codes)
  }

  // MARK: Decoding

  /// The decoded matrix, shape `[rows, columns]`.
  public func unpacked() -> Tensor {
    Tensor(shape: [rows, columns]) { y in
      guard let base = y.baseAddress else { return }
      Parallel.forEachChunk(ofRows: rows, columns: columns) { range in
        unpack(rows: range, into: base + range.lowerBound * columns)
      }
    }
  }

  /// The decoded row `i`, shape `[columns]`: an embedding.
  public func row(_ i: Int) -> Tensor {
    precondition((0..<rows).contains(i), "Row \(i) does not exist in a packed matrix of \(rows) rows.")
    return Tensor(shape: [columns]) { y in
      if let base = y.baseAddress { unpack(rows: i..<i + 1, into: base) }
    }
  }

  /// The codes of row `i`, one a byte.
  public func codes(ofRow i: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: columns) { line, count in
      codes.withUnsafeBufferPointer { codes in
        if let start = line.baseAddress, let base = codes.baseAddress {
          CodeLayout(format.element).unpack(base + i * rowByteCount, count: columns, into: start)
        }
      }
      count = columns
    }
  }

  /// Decodes `range` of the rows into `y`, `columns` values each.
  func unpack(rows range: Range<Int>, into y: UnsafeMutablePointer<Float>) {
    guard columns > 0 else { return }
    let groups = blockScales.groupsPerRow
    let size = format.groupSize(columns: columns)
    codes.withUnsafeBufferPointer { codes in
      guard let base = codes.baseAddress else { return }
      if format.element == .e2m1, size % 2 == 0 {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: groups * range.count) { scales in
          for (i, row) in range.enumerated() {
            for group in 0..<groups { scales[i * groups + group] = blockScales.scale(row: row, group: group) }
          }
          walsh_dequantize_fp4(
            InstructionSet.best.rawValue, base + range.lowerBound * rowByteCount, scales.baseAddress, range.count,
            columns, size, y)
        }
        return
      }
      let layout = CodeLayout(format.element)
      let table = format.element.table
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: columns) { line in
        guard let start = line.baseAddress else { return }
        for (i, row) in range.enumerated() {
          layout.unpack(base + row * rowByteCount, count: columns, into: start)
          for group in 0..<groups {
            let codec = blockScales.codec(row: row, group: group)
            let shift = codec.element.isInteger ? table[codec.zeroPoint] : 0
            for column in group * size..<min((group + 1) * size, columns) {
              y[i * columns + column] = (table[Int(line[column])] - shift) * codec.scale
            }
          }
        }
      }
    }
  }
}

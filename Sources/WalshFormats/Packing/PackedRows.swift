import CKernels
import WalshTensor

/// Rows of several heads, packed head by head, that grow at the end: the keys or values of a quantized cache.
///
/// Codes, scales and zero points are contiguous, and their memory grows geometrically, so that adding a row costs what
/// packing it costs. Attention decodes the tiles it reads and never the whole. Decoded values equal those of
/// `Quantizer.pack(_:).unpacked()` of the rows as they were added, bit for bit.
public struct PackedRows: AttentionOperand, Sendable {
  /// How heads are packed; a head is a row of the format.
  public let quantizer: Quantizer
  /// The heads of a row · their size.
  public let columns: Int
  /// The size of a head.
  public let headSize: Int
  /// The rows so far.
  public private(set) var rowCount = 0
  private var codes: [UInt8] = []
  /// The factors that decode, for each row, head and group.
  private var scales: [Float] = []
  /// Where the scales are, for asymmetric formats.
  private var zeroPoints: [UInt8] = []
  private let table: [Float]?

  /// The format of a head.
  public var format: NumericFormat { quantizer.format }

  /// No rows, to be rounded to nearest.
  public init(format: NumericFormat, columns: Int, headSize: Int) {
    self.init(Quantizer(format: format), columns: columns, headSize: headSize)
  }

  /// No rows, to be rounded by `quantizer`.
  public init(_ quantizer: Quantizer, columns: Int, headSize: Int) {
    precondition(
      headSize > 0 && columns % headSize == 0, "Heads of \(headSize) columns do not divide rows of \(columns).")
    self.quantizer = quantizer
    self.columns = columns
    self.headSize = headSize
    let element = quantizer.format.element
    table = element.isInteger ? nil : element.table
  }

  /// The bytes of codes, scales and zero points.
  public var byteCount: Int { codes.count + scales.count * MemoryLayout<Float>.stride + zeroPoints.count }

  /// Adds rows, shape `[rows, columns]`, each head rounded on its own.
  public mutating func append(_ x: Tensor) {
    precondition(x.columns == columns, "Packed rows of \(columns) columns do not take rows of \(x.shape).")
    let packed = quantizer.pack(x.reshaped(to: [x.count / headSize, headSize]))
    codes += packed.codes
    for row in 0..<packed.rows {
      for group in 0..<packed.blockScales.groupsPerRow {
        scales.append(packed.blockScales.scale(row: row, group: group))
      }
    }
    if let points = packed.zeroPoints { zeroPoints += points }
    rowCount += x.rowCount
  }

  /// All rows decoded, shape `[rowCount, columns]`.
  public func unpacked() -> Tensor {
    Tensor(shape: [rowCount * (columns / headSize), headSize]) { y in
      if let y = y.baseAddress { decode(heads: rowCount * (columns / headSize), from: 0, step: 1, into: y) }
    }.reshaped(to: [rowCount, columns])
  }

  /// A head of some rows, decoded into `scratch`.
  public func withTile(
    rows: Range<Int>, columns: Range<Int>, scratch: UnsafeMutablePointer<Float>,
    _ body: (_ tile: UnsafePointer<Float>, _ stride: Int) -> Void
  ) {
    let heads = self.columns / headSize
    precondition(
      columns.count == headSize && columns.lowerBound % headSize == 0 && rows.upperBound <= rowCount,
      "A tile is one head of rows that exist, not columns \(columns) of rows \(rows).")
    decode(
      heads: rows.count, from: rows.lowerBound * heads + columns.lowerBound / headSize, step: heads, into: scratch)
    body(scratch, headSize)
  }

  /// Decodes `count` heads, every `step`th from `first` on.
  private func decode(heads count: Int, from first: Int, step: Int, into y: UnsafeMutablePointer<Float>) {
    guard count > 0 else { return }
    let layout = CodeLayout(format.element)
    let headBytes = layout.rowByteCount(columns: headSize)
    let groups = format.groupsPerRow(columns: headSize)
    let zero: Float =
      if case .int(let bits) = format.element { Float(OffsetInteger.zeroPoint(bits: bits)) } else { 0 }
    codes.withUnsafeBufferPointer { codes in
      scales.withUnsafeBufferPointer { scales in
        zeroPoints.withUnsafeBufferPointer { zeroPoints in
          table.withPointer { table in
            guard let codes = codes.baseAddress, let scales = scales.baseAddress else { return }
            let zeros = zeroPoints.isEmpty ? nil : zeroPoints.baseAddress.map { $0 + first * groups }
            var source = walsh_code_rows(
              codes: codes + first * headBytes, code_stride: step * headBytes, bits: Int32(layout.bits), table: table,
              scales: scales + first * groups, scale_stride: step * groups,
              group: format.groupSize(columns: headSize), zeros: zeros, zero: zero)
            walsh_decode_rows(InstructionSet.best.rawValue, &source, count, headSize, y)
          }
        }
      }
    }
  }
}

extension [Float]? {
  /// Calls `body` with the first element, or nil where there is no array.
  fileprivate func withPointer(_ body: (UnsafePointer<Float>?) -> Void) {
    guard let self else { return body(nil) }
    self.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}

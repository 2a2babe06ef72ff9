import CKernels
import WalshTensor

/// Activations quantized for a product with an `InterleavedMatrix`, laid out as its kernels read them.
///
/// Rows are tokens. Each group of columns holds int8 values under a Float32 scale.
public struct QuantizedRows: Sendable {
  /// What happens to some rows before they are quantized, each row for itself. Several threads may call it.
  public typealias Preparation = (_ rows: inout Tensor) -> Void

  /// The number of columns, without padding.
  public private(set) var columns: Int
  /// The rows of the layout: `digits` for each token.
  private(set) var rows: Int
  private(set) var paddedColumns: Int
  private(set) var group: Int
  private(set) var digits: Int
  /// A divisor of all scales.
  private(set) var globalScale: Float
  private(set) var bytes: AlignedBytes

  /// How many tokens there are.
  public var count: Int { rows / digits }

  /// int8 in groups of 32 columns, of 16 for NVFP4 weights: x̂ = q · s, s = amax / 127, q = x · (127 / amax) rounded to
  /// nearest even. "W4A8", the fastest product.
  ///
  /// Groups with NaN or infinity become NaN, those below 2⁻¹⁰⁰ zero. Leading axes of `x` are taken together. One pass.
  ///
  /// - Parameters:
  ///   - x: the activations.
  ///   - weight: the weight they are to meet.
  ///   - isa: the instruction set of the kernel.
  ///   - prepare: changes the rows first, `[rows, columns]`, a tile of some rows at a time while they are in the cache: an
  ///     online transform.
  /// - Precondition: `x` is not tracked.
  public init(
    int8 x: Tensor, for weight: InterleavedMatrix, isa: InstructionSet = .best, preparedBy prepare: Preparation? = nil
  ) {
    self.init(x, layout: weight.layout, columns: weight.columns, digits: 1, prepare) { x, rows, group, groups, tile in
      walsh_quantize_rows(isa.rawValue, x, rows, weight.columns, group, groups, weight.layout.factor, tile)
    }
  }

  /// Fixed-point numbers of 23 bits, for products as accurate as those of Float32; see `InterleavedMatrix.multiply`.
  ///
  /// `prepare` and the precondition are those of `init(int8:for:)`.
  public init(
    exact x: Tensor, for weight: InterleavedMatrix, isa: InstructionSet = .best,
    preparedBy prepare: Preparation? = nil
  ) {
    self.init(x, layout: weight.layout, columns: weight.columns, digits: 3, prepare) { x, rows, group, groups, tile in
      walsh_split_rows(isa.rawValue, x, rows, weight.columns, group, groups, weight.layout.factor, tile)
    }
  }

  private init(
    _ x: Tensor, layout: InterleavedLayout, columns: Int, digits: Int, _ prepare: Preparation?,
    quantize: (UnsafePointer<Float>, Int, Int, Int, UnsafeMutablePointer<UInt8>) -> Void
  ) {
    precondition(
      x.rank > 0 && x.columns == columns,
      "A product x Wᵀ needs as many columns in x as in W, but x has shape \(x.shape) and W \(columns) columns.")
    precondition(!x.isTracked, "Quantizing activations has no gradient; detach the tensor.")
    self.columns = columns
    self.digits = digits
    globalScale = 1
    let rows = x.rowCount * digits
    self.rows = rows
    paddedColumns = layout.paddedColumns
    let group = layout.activationGroup
    self.group = group
    let groups = layout.paddedColumns / group
    let values = x.reshaped(to: [x.rowCount, columns])
    bytes = Self.tiles(rows: rows, digits: digits, rowBytes: groups * (group + 8)) { first, count, tile in
      values.withTile(first..<first + count, preparedBy: prepare) { quantize($0, count, group, groups, tile) }
    }
  }

  /// Becomes `init(int8:for:)` of one token, in the memory that is there if nobody shares it and it suffices: decoding.
  ///
  /// - Precondition: `x` has as many values as `weight` columns.
  public mutating func replace(int8 x: UnsafeBufferPointer<Float>, for weight: InterleavedMatrix) {
    replace(x, for: weight, digits: 1) { isa, x, columns, group, groups, factor, bytes in
      walsh_quantize_rows(isa, x, 1, columns, group, groups, factor, bytes)
    }
  }

  /// Becomes `init(exact:for:)` of one token; see `replace(int8:for:)`.
  public mutating func replace(exact x: UnsafeBufferPointer<Float>, for weight: InterleavedMatrix) {
    replace(x, for: weight, digits: 3) { isa, x, columns, group, groups, factor, bytes in
      walsh_split_rows(isa, x, 1, columns, group, groups, factor, bytes)
    }
  }

  private mutating func replace(
    _ x: UnsafeBufferPointer<Float>, for weight: InterleavedMatrix, digits: Int,
    _ quantize: (Int32, UnsafePointer<Float>, Int, Int, Int, Float, UnsafeMutablePointer<UInt8>) -> Void
  ) {
    let layout = weight.layout
    precondition(
      x.count == weight.columns, "\(x.count) activations do not fit a weight with \(weight.columns) columns.")
    (columns, paddedColumns, group) = (weight.columns, layout.paddedColumns, layout.activationGroup)
    (rows, self.digits, globalScale) = (digits, digits, 1)
    let groups = paddedColumns / group
    let count = digits * groups * (group + 8)
    if !isKnownUniquelyReferenced(&bytes) || bytes.count < count { bytes = AlignedBytes(count: count) { _ in } }
    guard let x = x.baseAddress else { return }
    quantize(InstructionSet.best.rawValue, x, columns, group, groups, layout.factor, bytes.mutableBytes)
  }

  /// Codes as they are: E2M1 or symmetric INT4 in the groups of `weight`, for products that are four-bit on both sides.
  ///
  /// A group's sum is then exact in both operands. Section 2.9 of the number formats.
  ///
  /// - Precondition: `x` has an interleaved form with the columns and groups of `weight`.
  public init(_ x: PackedMatrix, for weight: InterleavedMatrix) {
    guard let layout = InterleavedLayout(x.format, columns: x.columns), x.columns == weight.columns,
      layout.group == weight.layout.group
    else {
      preconditionFailure(
        "A product of packed matrices needs four bits in equal groups, not \(x.format) × \(x.columns) columns by \(weight.format) × \(weight.columns)."
      )
    }
    let columns = x.columns
    self.columns = columns
    (rows, digits) = (x.rows, 1)
    (paddedColumns, group) = (layout.paddedColumns, layout.group)
    globalScale = x.globalScale ?? 1
    let scales = x.storedScales
    let stored = x.blockScales.groupsPerRow
    bytes = x.codes.withUnsafeBufferPointer { codes in
      scales.withUnsafeBufferPointer { scales in
        Self.tiles(rows: x.rows, digits: 1, rowBytes: layout.groups * (layout.group + 8)) { first, count, tile in
          guard let codes = codes.baseAddress, let scales = scales.baseAddress else { return }
          walsh_expand_rows(
            codes + first * x.rowByteCount, x.rowByteCount, scales + first * stored, Int32(layout.elements), count,
            columns, layout.group, layout.groups, layout.factor * weight.layout.factor, tile)
        }
      }
    }
  }

  /// `x` rounded by `quantizer` to four bits; see `init(_:for:)`.
  public init(_ x: Tensor, by quantizer: Quantizer, for weight: InterleavedMatrix) {
    self.init(quantizer.pack(x.detached()), for: weight)
  }

  /// Memory for all tiles. `fill` gets the first token of a tile and their number.
  private static func tiles(
    rows: Int, digits: Int, rowBytes: Int, fill: (Int, Int, UnsafeMutablePointer<UInt8>) -> Void
  ) -> AlignedBytes {
    let height = Int(WALSH_TILE_ROWS)
    return AlignedBytes(count: rows * rowBytes) { bytes in
      Parallel.forEach((rows + height - 1) / height, grain: max(1, (1 << 18) / max(1, height * rowBytes))) { tile in
        let first = tile * height
        fill(first / digits, min(height, rows - first) / digits, bytes + first * rowBytes)
      }
    }
  }

  func withKernelRows<R>(_ body: (walsh_quantized_rows) -> R) -> R {
    defer { withExtendedLifetime(bytes) {} }
    return body(walsh_quantized_rows(bytes: bytes.bytes, rows: rows, group: group, digits: digits))
  }
}

extension PackedMatrix {
  /// The scales as they are stored, without the tensor scale, one for each group of each row.
  fileprivate var storedScales: [Float] {
    let plain = (0..<256).map { byte in
      GroupCodec(format: format, pattern: UInt32(byte), tensorScale: 1, zeroPoint: nil).scale
    }
    if format.scale.byteCount == 1 { return scales.map { plain[Int($0)] } }
    let unscaled = BlockScales(format: format, rows: rows, columns: columns, bytes: scales, tensorScale: 1)
    return (0..<rows).flatMap { row in
      (0..<blockScales.groupsPerRow).map { unscaled.scale(row: row, group: $0) }
    }
  }
}

extension Tensor {
  /// Calls `body` with the first value of some rows of a matrix, or of a copy that `prepare` has changed.
  fileprivate func withTile(
    _ rows: Range<Int>, preparedBy prepare: QuantizedRows.Preparation?, _ body: (UnsafePointer<Float>) -> Void
  ) {
    var tile = self.rows(rows)
    prepare?(&tile)
    tile.withUnsafeBufferPointer { if let base = $0.baseAddress { body(base) } }
  }
}

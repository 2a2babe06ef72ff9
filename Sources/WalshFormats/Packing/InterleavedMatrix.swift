import CKernels
import WalshTensor

/// A packed matrix W repacked once for fast products x Wᵀ: the codes of sixteen rows lie side by side.
///
/// The product runs on integer dot instructions, and reads a matrix from memory as fast as memory is. A sum over a
/// group of columns is an exact integer; it meets the scales in Float32, and groups are added in the order of the
/// columns, each operation rounded alone. Every instruction set and thread count therefore gives the same bits, and a
/// row of x gives the same result alone and among others.
///
/// Taken are four-bit symmetric formats: E2M1 with E4M3 scales (NVFP4 and its tiles) or with E8M0 scales (MXFP4), E2M1
/// and INT4 with Float32 or bfloat16 scales for groups of a multiple of 32 or for rows. Bytes: those of
/// `PackedMatrix` with rows padded to 16 and columns to 32, and four for each floating scale.
public struct InterleavedMatrix: Sendable {
  /// What the numbers are.
  public let format: NumericFormat
  /// The rows: output features.
  public let rows: Int
  /// The columns: input features.
  public let columns: Int
  /// The tensor scale, a divisor; nil where the format has none.
  public let globalScale: Float?
  let layout: InterleavedLayout
  private let codes: AlignedBytes
  private let scales: AlignedBytes

  /// The bytes in memory.
  public var byteCount: Int { codes.count + scales.count }

  private var panels: Int { Self.panels(rows) }
  private static func panels(_ rows: Int) -> Int {
    (rows + InterleavedLayout.panelRows - 1) / InterleavedLayout.panelRows
  }

  /// Repacks `packed`; nil for formats that have no interleaved form (see the type). O(bytes), at the speed of memory.
  public init?(_ packed: PackedMatrix) {
    guard let layout = InterleavedLayout(packed.format, columns: packed.columns) else { return nil }
    self.layout = layout
    (format, rows, columns, globalScale) = (packed.format, packed.rows, packed.columns, packed.globalScale)
    let panels = Self.panels(rows)
    let panelBytes = layout.blocks * 256
    let height = InterleavedLayout.panelRows
    codes = AlignedBytes(count: panels * panelBytes) { codes in
      packed.codes.withUnsafeBufferPointer { source in
        guard let source = source.baseAddress else { return }
        Parallel.forEach(panels, grain: max(1, (1 << 18) / max(1, panelBytes))) { panel in
          let first = panel * height
          walsh_interleave(
            source + first * packed.rowByteCount, packed.rowByteCount, min(height, packed.rows - first),
            packed.columns, layout.blocks, layout.zeroCode, codes + panel * panelBytes)
        }
      }
    }
    scales = AlignedBytes(count: panels * layout.panelScaleBytes) { scales in
      Parallel.forEach(panels, grain: max(1, (1 << 15) / max(1, layout.groups))) { panel in
        packed.interleaveScales(panel: panel, layout, into: scales + panel * layout.panelScaleBytes)
      }
    }
  }

  // MARK: Decoding

  /// The matrix as it is stored in files; the inverse of `init`.
  public var packed: PackedMatrix {
    let rowBytes = CodeLayout(format.element).rowByteCount(columns: columns)
    let height = InterleavedLayout.panelRows
    let bytes = [UInt8](unsafeUninitializedCapacity: rows * rowBytes) { bytes, count in
      if let to = bytes.baseAddress {
        Parallel.forEach(panels, grain: max(1, (1 << 18) / max(1, layout.blocks * 256))) { panel in
          walsh_deinterleave(
            codes.bytes + panel * layout.blocks * 256, min(height, rows - panel * height), rowBytes,
            to + panel * height * rowBytes, rowBytes)
        }
        clearPadding(to, rowBytes: rowBytes)
      }
      count = rows * rowBytes
    }
    return PackedMatrix(
      format: format, rows: rows, columns: columns, codes: bytes, scales: storedScales, globalScale: globalScale)
  }

  /// The decoded matrix, shape `[rows, columns]`, with the bits of `PackedMatrix.unpacked()`.
  public func unpacked() -> Tensor { packed.unpacked() }

  /// In files the bits behind the last column are zero, whatever the code of zero is.
  private func clearPadding(_ bytes: UnsafeMutablePointer<UInt8>, rowBytes: Int) {
    guard columns < 2 * rowBytes else { return }
    for row in 0..<rows {
      let line = bytes + row * rowBytes
      if columns % 2 == 1 { line[columns / 2] &= 15 }
      for i in (columns + 1) / 2..<rowBytes { line[i] = 0 }
    }
  }

  private var storedScales: [UInt8] {
    let stored = format.groupsPerRow(columns: columns)
    let count = format.scaleCount(rows: rows, columns: columns)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * format.scale.byteCount)
    for i in 0..<count {
      let (row, group) = (i / stored, i % stored)
      let at =
        row / InterleavedLayout.panelRows * layout.panelScaleBytes
        + (group * InterleavedLayout.panelRows + row % InterleavedLayout.panelRows)
        * (layout.scaleKind == WALSH_SCALES_FLOAT ? 4 : 1)
      switch format.scale {
      case .e8m0, .e4m3: bytes.append(scales.bytes[at])
      case .float32: bytes += (0..<4).map { scales.bytes[at + $0] }
      case .bfloat16: bytes += (2..<4).map { scales.bytes[at + $0] }
      }
    }
    return bytes
  }

  // MARK: Products

  /// Whether activations packed in `format` multiply this matrix as they are: four bits on both sides, in equal groups.
  public func multiplies(_ format: NumericFormat) -> Bool {
    InterleavedLayout(format, columns: columns)?.group == layout.group
  }

  /// Whether rows made for `other` multiply this matrix too.
  public func takesRows(for other: InterleavedMatrix) -> Bool {
    columns == other.columns && layout.group == other.layout.group && layout.elements == other.layout.elements
      && layout.activationGroup == other.layout.activationGroup
  }

  /// x Wᵀ for `x` of shape `[…, columns]`, giving `[…, rows]`, as accurate as a product in Float32.
  ///
  /// x enters as fixed-point numbers of 23 bits under the largest magnitude of each 32 columns (16 for NVFP4): an
  /// element is off by at most 2⁻²³ of that, less than sums in Float32 lose; 2⁻¹⁰⁰ and less becomes zero. Groups with
  /// NaN or infinity make the results of their row NaN. Cost: three products on integers, 6 · tokens · rows · columns
  /// operations. Differentiable by `x`; W is frozen.
  public func multiply(_ x: Tensor) -> Tensor {
    let y = multiply(QuantizedRows(exact: x.detached(), for: self))
    return y.reshaped(to: x.shape.dropLast() + [rows]).recorded(from: x) { _ in { $0.matmul(unpacked()) } }
  }

  /// x Wᵀ for quantized activations, shape `[x.rows, rows]`; `x` was made for this matrix, or for another with as many
  /// columns of the same format. The bits do not depend on the instruction set. Cost: 2 · tokens · rows · columns.
  public func multiply(_ x: QuantizedRows) -> Tensor { multiply(x, isa: .best) }

  func multiply(_ x: QuantizedRows, isa: InstructionSet) -> Tensor {
    Tensor(shape: [x.count, rows]) { y in
      if let y = y.baseAddress { InterleavedGroup([self])?.multiply(x, isa: isa, into: y, stride: rows) }
    }
  }

  /// What the kernels read. Valid as long as this matrix is.
  var kernelMatrix: walsh_interleaved {
    var weight = walsh_interleaved()
    weight.codes = codes.bytes
    weight.scales = scales.bytes
    weight.rows = rows
    weight.blocks = layout.blocks
    weight.group = layout.group
    weight.elements = Int32(layout.elements)
    weight.scale_kind = Int32(layout.scaleKind)
    return weight
  }
}

extension PackedMatrix {
  /// Writes the scales of sixteen rows, group by group. Those of padding are zero bytes: they meet zeros only.
  fileprivate func interleaveScales(
    panel: Int, _ layout: InterleavedLayout, into to: UnsafeMutablePointer<UInt8>
  ) {
    let stored = blockScales.groupsPerRow
    let size = format.scale.byteCount
    let height = InterleavedLayout.panelRows
    to.initialize(repeating: 0, count: layout.panelScaleBytes)
    scales.withUnsafeBufferPointer { scales in
      guard let source = scales.baseAddress else { return }
      for r in 0..<min(height, rows - panel * height) {
        let first = (panel * height + r) * stored
        if size == 1 {
          for group in 0..<stored { to[group * height + r] = source[first + group] }
        } else {
          // A bfloat16 is the upper half of a Float32.
          for group in 0..<stored {
            for byte in 0..<size {
              to[(group * height + r) * 4 + 4 - size + byte] = source[(first + group) * size + byte]
            }
          }
        }
      }
    }
  }
}

import WalshTensor

/// The scalar reference: every format, rounding and search. The kernels are compared with it, and it runs where they
/// do not.
extension Quantizer {
  /// `blockScales(of:amax:)`, one block after another.
  func scalarScales(of x: Tensor, amax: Float?) -> BlockScales {
    let tensorAmax = format.isTwoLevel ? (amax ?? x.finiteAmax) : 0
    let rule = ScaleRule(quantizer: self, tensorAmax: tensorAmax)
    let (rows, columns) = (x.rowCount, x.columns)
    let count = format.scaleCount(rows: rows, columns: columns)
    let width = format.scale.byteCount
    let groups = format.groupsPerRow(columns: columns)
    let size = format.groupSize(columns: columns)
    var bytes = [UInt8](repeating: 0, count: count * width)
    var zeroPoints = [UInt8](repeating: 0, count: format.symmetry == .asymmetric ? count : 0)
    // The rows of a block: one, except that tiles have sixteen and a tensor scale has them all.
    let height = format.granularity == .tensor ? max(rows, 1) : format.granularity == .tile16 ? 16 : 1

    x.withUnsafeBufferPointer { x in
      bytes.withUnsafeMutableBufferPointer { bytes in
        zeroPoints.withUnsafeMutableBufferPointer { zeroPoints in
          guard let base = x.baseAddress, x.count > 0 else { return }
          let bands = (rows + height - 1) / height
          Parallel.forEachChunk(ofRows: bands, columns: columns * height) { range in
            for band in range {
              let first = band * height
              let bandRows = min(height, rows - first)
              for group in 0..<groups {
                let column = group * size
                let block = Block(
                  base: base + first * columns + column, rows: bandRows, columns: min(size, columns - column),
                  stride: columns)
                let scale = rule.scale(of: block)
                for row in first..<(format.granularity == .tensor ? first + 1 : first + bandRows) {
                  let i = row * groups + group
                  for k in 0..<width {
                    bytes[i * width + k] = UInt8(truncatingIfNeeded: scale.pattern >> UInt32(8 * k))
                  }
                  if let zero = scale.zeroPoint { zeroPoints[i] = UInt8(zero) }
                }
              }
            }
          }
        }
      }
    }
    return BlockScales(
      format: format, rows: rows, columns: columns, bytes: bytes, tensorScale: rule.tensorScale,
      zeroPoints: zeroPoints.isEmpty && format.symmetry == .symmetric ? nil : zeroPoints)
  }

  /// `quantize(_:with:)`, one element after another.
  func scalarQuantize(_ x: Tensor, with scales: BlockScales) -> Tensor {
    let columns = x.columns
    let size = format.groupSize(columns: columns)
    return x.withUnsafeBufferPointer { input in
      Tensor(shape: x.shape) { output in
        guard let input = input.baseAddress, let output = output.baseAddress else { return }
        Parallel.forEachChunk(ofRows: scales.rows, columns: columns) { range in
          for row in range {
            for group in 0..<scales.groupsPerRow {
              let codec = scales.codec(row: row, group: group)
              let first = row * columns + group * size
              for i in first..<first + min(size, columns - group * size) {
                output[i] = codec.decode(codec.encode(input[i], rounding: rounding, at: i))
              }
            }
          }
        }
      }
    }
  }

  /// The codes of `pack(_:scales:amax:)`, one element after another.
  func scalarCodes(of w: Tensor, scales: BlockScales) -> [UInt8] {
    let layout = CodeLayout(format.element)
    let (rows, columns) = (scales.rows, scales.columns)
    let rowBytes = layout.rowByteCount(columns: columns)
    let size = format.groupSize(columns: columns)
    var codes = [UInt8](repeating: 0, count: rows * rowBytes)
    w.withUnsafeBufferPointer { w in
      codes.withUnsafeMutableBufferPointer { codes in
        guard let base = codes.baseAddress else { return }
        Parallel.forEachChunk(ofRows: rows, columns: columns) { range in
          withUnsafeTemporaryAllocation(of: UInt8.self, capacity: columns) { line in
            guard let start = line.baseAddress else { return }
            for row in range {
              for group in 0..<scales.groupsPerRow {
                let codec = scales.codec(row: row, group: group)
                for column in group * size..<min((group + 1) * size, columns) {
                  let i = row * columns + column
                  line[column] = codec.encode(w[i], rounding: rounding, at: i)
                }
              }
              layout.pack(start, count: columns, into: base + row * rowBytes)
            }
          }
        }
      }
    }
    return codes
  }
}

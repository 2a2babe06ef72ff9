import WalshTensor

/// Rounds tensors to a number format.
///
/// Groups run along the last axis; all other axes together are the rows. NaN and infinity propagate through the scale:
/// a group that holds one gets a NaN scale (byte 255 of E8M0, 0x7F of E4M3), zero codes, and decodes to NaN, while all
/// other groups keep their numbers, because the tensor scale looks at finite values only. The sign of zero is kept by
/// floating elements. Results do not depend on the number of threads.
public struct Quantizer: Sendable {
  /// What the numbers are.
  public var format: NumericFormat
  /// How elements are rounded. Scales are always rounded to nearest by their own rule.
  public var rounding: Rounding
  /// How scales are chosen.
  public var search: ScaleSearch
  /// What is clipped before scales are chosen.
  public var clip: ClipRatio

  /// A quantizer; the defaults round to nearest with the format's own scale rule.
  public init(
    format: NumericFormat, rounding: Rounding = .nearestEven, search: ScaleSearch = .minMax, clip: ClipRatio = .none
  ) {
    self.format = format
    self.rounding = rounding
    self.search = search
    self.clip = clip
  }

  // MARK: Scales

  /// The scales for `x`.
  ///
  /// - Parameters:
  ///   - x: the tensor; its last axis holds the groups.
  ///   - amax: replaces the tensor's largest magnitude in two-level formats, so that fused projections share one tensor
  ///     scale or activations use a calibrated one. Larger elements then saturate.
  public func blockScales(of x: Tensor, amax: Float? = nil) -> BlockScales {
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
          Parallel.forEachChunk(of: bands, size: chunkRows(columns: columns * height)) { range in
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

  // MARK: Fake quantization

  /// `x` rounded to the format: what packing and unpacking would give, bit for bit.
  ///
  /// Differentiable by `x` with the format's `StraightThroughEstimator`.
  public func fakeQuantize(_ x: Tensor, amax: Float? = nil) -> Tensor {
    if x.isTracked {
      return fakeQuantize(x, amax: amax, estimator: StraightThroughEstimator(for: format))
    }
    if let packed = packFast(x, amax: amax) { return packed.unpacked().reshaped(to: x.shape) }
    return quantize(x, with: blockScales(of: x, amax: amax))
  }

  /// `x` rounded with given scales, which may come from another tensor of the same rows and columns. For solvers: it has
  /// no gradient, and `x` may not be tracked.
  public func quantize(_ x: Tensor, with scales: BlockScales) -> Tensor {
    precondition(!x.isTracked, "Rounding with given scales has no gradient; detach the tensor or use fakeQuantize.")
    check(scales, fit: x)
    let columns = x.columns
    let size = format.groupSize(columns: columns)
    return x.withUnsafeBufferPointer { input in
      Tensor(shape: x.shape) { output in
        guard let input = input.baseAddress, let output = output.baseAddress else { return }
        Parallel.forEachChunk(of: scales.rows, size: chunkRows(columns: columns)) { range in
          for row in range {
            for group in 0..<scales.groupsPerRow {
              let codec = scales.codec(row: row, group: group)
              let first = row * columns + group * size
              let count = min(size, columns - group * size)
              if codec.roundIntegers(input + first, count: count, rounding: rounding, into: output + first) {
                continue
              }
              for i in first..<first + count {
                output[i] = codec.decode(codec.encode(input[i], rounding: rounding, at: i))
              }
            }
          }
        }
      }
    }
  }

  /// `value` rounded as the element (`row`, `column`) of a matrix with `scales`. For solvers that go column by column.
  @inline(__always)
  public func round(_ value: Float, row: Int, column: Int, scales: BlockScales) -> Float {
    let codec = scales.codec(row: row, group: column / format.groupSize(columns: scales.columns))
    return codec.decode(codec.encode(value, rounding: rounding, at: row * scales.columns + column))
  }

  // MARK: Packing

  /// The stored form of `w`; `pack(w).unpacked()` equals `fakeQuantize(w)` bit for bit.
  ///
  /// - Parameters:
  ///   - w: the matrix; leading axes are taken together as rows.
  ///   - scales: scales to use in place of `blockScales(of: w, amax: amax)`. A matrix that was rounded with them packs
  ///     to the same values.
  ///   - amax: see `blockScales(of:amax:)`.
  public func pack(_ w: Tensor, scales: BlockScales? = nil, amax: Float? = nil) -> PackedMatrix {
    if scales == nil, let packed = packFast(w, amax: amax) { return packed }
    let scales = scales ?? blockScales(of: w, amax: amax)
    check(scales, fit: w)
    let layout = CodeLayout(format.element)
    let (rows, columns) = (scales.rows, scales.columns)
    let rowBytes = layout.rowByteCount(columns: columns)
    let size = format.groupSize(columns: columns)
    var codes = [UInt8](repeating: 0, count: rows * rowBytes)
    w.withUnsafeBufferPointer { w in
      codes.withUnsafeMutableBufferPointer { codes in
        guard let base = codes.baseAddress else { return }
        Parallel.forEachChunk(of: rows, size: chunkRows(columns: columns)) { range in
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
    return PackedMatrix(scales: scales, codes: codes)
  }

  private func check(_ scales: BlockScales, fit x: Tensor) {
    precondition(
      scales.format == format && scales.rows == x.rowCount && scales.columns == x.columns,
      "Scales of \(scales.format) for \(scales.rows) × \(scales.columns) do not fit \(format) and \(x.shape).")
  }
}

/// The rows of a parallel loop's item: enough to be worth a thread, a function of the problem alone.
func chunkRows(columns: Int) -> Int { max(1, (1 << 16) / max(1, columns)) }

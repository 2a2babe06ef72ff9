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
    kernelScales(of: x, amax: amax) ?? scalarScales(of: x, amax: amax)
  }

  // MARK: Fake quantization

  /// `x` rounded to the format: what packing and unpacking would give, bit for bit.
  ///
  /// Differentiable by `x` with the format's `StraightThroughEstimator`.
  public func fakeQuantize(_ x: Tensor, amax: Float? = nil) -> Tensor {
    if x.isTracked {
      return fakeQuantize(x, amax: amax, estimator: StraightThroughEstimator(for: format))
    }
    return kernelFakeQuantize(x, amax: amax) ?? quantize(x, with: blockScales(of: x, amax: amax))
  }

  /// `x` rounded with given scales, which may come from another tensor of the same rows and columns. For solvers: it has
  /// no gradient, and `x` may not be tracked.
  public func quantize(_ x: Tensor, with scales: BlockScales) -> Tensor {
    precondition(!x.isTracked, "Rounding with given scales has no gradient; detach the tensor or use fakeQuantize.")
    check(scales, fit: x)
    return kernelQuantize(x, with: scales) ?? scalarQuantize(x, with: scales)
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
    if scales == nil, let packed = kernelPack(w, amax: amax) { return packed }
    let scales = scales ?? blockScales(of: w, amax: amax)
    check(scales, fit: w)
    return PackedMatrix(
      scales: scales, codes: kernelCodes(of: w, scales: scales) ?? scalarCodes(of: w, scales: scales))
  }

  private func check(_ scales: BlockScales, fit x: Tensor) {
    precondition(
      scales.format == format && scales.rows == x.rowCount && scales.columns == x.columns,
      "Scales of \(scales.format) for \(scales.rows) × \(scales.columns) do not fit \(format) and \(x.shape).")
  }
}

import CKernels
import WalshTensor

/// Chooses the stored scale of a block for a quantizer and a tensor's largest magnitude.
struct ScaleRule {
  let quantizer: Quantizer
  let tensorAmax: Float
  /// The divisor that the whole tensor shares, nil where the format has none.
  let tensorScale: Float?
  /// The largest element.
  private let largest: Float
  /// The largest code of an integer format.
  private let levels: Float

  /// The bits of a stored scale and, for asymmetric formats, the code of zero.
  struct Stored: Equatable {
    var pattern: UInt32
    var zeroPoint: Int?
  }

  private var format: NumericFormat { quantizer.format }

  init(quantizer: Quantizer, tensorAmax: Float) {
    self.quantizer = quantizer
    self.tensorAmax = tensorAmax
    largest = quantizer.format.element.largest
    levels = Float(1 << quantizer.format.element.bits - 1)
    tensorScale =
      if case .e4m3(let scheme) = quantizer.format.scale {
        scheme.tensorScale(amax: tensorAmax)
      } else {
        quantizer.format.fixedTensorScale
      }
  }

  /// The scale of `block`.
  func scale(of block: Block) -> Stored {
    let range = block.range.scaled(lower: quantizer.clip.lower, upper: quantizer.clip.upper)
    if case .e4m3(let scheme) = format.scale, scheme.isFourOverSix, range.amax > 0 {
      return fourOverSix(block, scheme: scheme, amax: range.amax)
    }
    let plain = stored(range, block: block)
    // Also false for NaN.
    guard quantizer.search != .minMax, range.amax > 0 else { return plain }
    if quantizer.search == .shrunk { return shrunkScale(range, block: block) ?? plain }

    var best = plain
    var least = Double.infinity
    func consider(_ candidate: Stored) {
      let error = block.squaredError(codec(candidate))
      if error < least { (best, least) = (candidate, error) }
    }
    switch format.scale {
    case .float32, .bfloat16:
      if format.element.isInteger { return searchedIntegerScale(range, block: block) ?? plain }
      for p in ScaleSearch.fractions { consider(stored(range.scaled(lower: p, upper: p), block: block)) }
    case .e8m0:
      let floor = E8M0Rule.floor.byte(amax: range.amax, element: format.element) { 0 }
      consider(Stored(pattern: UInt32(floor)))
      consider(Stored(pattern: UInt32(min(floor + 1, 254))))
    case .e4m3:
      consider(plain)
      consider(stored(range.scaled(lower: 1.5, upper: 1.5), block: block))
    }
    return best
  }

  /// The best of the scales for a shrinking range, nil when no error is finite.
  private func shrunkScale(_ range: BlockRange, block: Block) -> Stored? {
    var best: Stored?
    var least = Double.infinity
    var last: Stored?
    for p in ScaleSearch.shrinkFactors {
      let candidate = stored(range.scaled(lower: p, upper: p), block: block)
      // A scale of few bits stays the same for many factors.
      if candidate == last { continue }
      last = candidate
      let error = block.error(codec(candidate), exponent: 2.4)
      if error < least { (best, least) = (candidate, error) }
    }
    return best
  }

  /// The best fraction of the block's extremes for an integer format, nil when no error is finite.
  private func searchedIntegerScale(_ range: BlockRange, block: Block) -> Stored? {
    let count = ScaleSearch.fractions.count
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * count) { candidates in
      guard let scales = candidates.baseAddress else { return nil }
      let zeros = scales + count
      ScaleSearch.fractions.withUnsafeBufferPointer { fractions in
        for (i, p) in fractions.enumerated() {
          (scales[i], zeros[i]) = integerScale(range.scaled(lower: p, upper: p))
        }
      }
      let best = walsh_search_integers(
        InstructionSet.best.rawValue, block.base, block.rows, block.columns, block.stride, scales, zeros, count,
        levels)
      return best < count ? stored(scale: scales[best], zero: zeros[best]) : nil
    }
  }

  /// The scale that the format's rule gives for a block's extremes.
  private func stored(_ range: BlockRange, block: Block) -> Stored {
    switch format.scale {
    case .e8m0(let rule):
      return Stored(
        pattern: UInt32(rule.byte(amax: range.amax, element: format.element) { block.deviation }))
    case .e4m3(let scheme):
      return Stored(
        pattern: UInt32(scheme.byte(amax: range.amax, tensorScale: tensorScale ?? 1, tensorAmax: tensorAmax)))
    case .float32, .bfloat16:
      guard format.element.isInteger else {
        return stored(scale: storable(range.amax / largest), zero: 0)
      }
      let (scale, zero) = integerScale(range)
      return stored(scale: scale, zero: zero)
    }
  }

  /// The stored form of a floating scale.
  private func stored(scale: Float, zero: Float) -> Stored {
    Stored(
      pattern: format.scale == .float32 ? scale.bitPattern : scale.bitPattern >> 16,
      zeroPoint: format.symmetry == .asymmetric ? Int(zero) : nil)
  }

  /// The scale of an integer format, as it is stored, and the code of zero.
  @inline(__always)
  private func integerScale(_ range: BlockRange) -> (scale: Float, zero: Float) {
    guard format.symmetry == .asymmetric else { return (storable(range.amax / largest), largest + 1) }
    let scale = storable(step(range))
    let zero = scale.isNaN ? 0 : (-range.lowest / scale).rounded(.toNearestOrEven)
    return (scale, min(max(zero, 0), levels))
  }

  /// (max − min) / levels. A block of zeros spans −1…1, as in FlatQuant; a span beyond Float32 is divided first.
  @inline(__always)
  private func step(_ range: BlockRange) -> Float {
    if range.amax == 0 { return 2 / levels }
    let span = range.highest - range.lowest
    return span == .infinity ? range.highest / levels - range.lowest / levels : span / levels
  }

  /// A scale as it is stored: rounded to bfloat16 where the format says so, and 1 in place of zero.
  @inline(__always)
  private func storable(_ scale: Float) -> Float {
    guard scale != 0 else { return 1 }
    guard format.scale == .bfloat16, !scale.isNaN else { return scale }
    let bits = scale.bitPattern
    let rounded = Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    return rounded == 0 ? 1 : rounded
  }

  private func codec(_ stored: Stored) -> GroupCodec {
    GroupCodec(
      format: format, pattern: stored.pattern, tensorScale: tensorScale, zeroPoint: stored.zeroPoint)
  }

  /// The better of mapping the block's maximum to 6 and to 4, 6 when equal. arXiv 2512.02010.
  private func fourOverSix(_ block: Block, scheme: E4M3Scheme, amax: Float) -> Stored {
    let base = amax / 6 * (tensorScale ?? 1)
    let bytes = [E4M3.encode(base), E4M3.encode(base * 1.5)]
    let errors = bytes.map { byte in
      block.fourOverSixError(
        codec(Stored(pattern: UInt32(byte))), stored: E4M3.decode(byte), tensorAmax: tensorAmax,
        squared: scheme == .fourOverSixMSE)
    }
    return Stored(pattern: UInt32(errors[1] < errors[0] ? bytes[1] : bytes[0]))
  }
}

import CKernels
import WalshTensor

/// Chooses the stored scale of a block for a quantizer and a tensor's largest magnitude.
struct ScaleRule {
  let quantizer: Quantizer
  let tensorAmax: Float
  /// The divisor that the whole tensor shares, nil where the format has none.
  let tensorScale: Float?

  /// The bits of a stored scale and, for asymmetric formats, the code of zero.
  struct Stored {
    var pattern: UInt32
    var zeroPoint: Int?
  }

  private var format: NumericFormat { quantizer.format }

  init(quantizer: Quantizer, tensorAmax: Float) {
    self.quantizer = quantizer
    self.tensorAmax = tensorAmax
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
    guard quantizer.search == .searched, range.amax > 0 else { return plain }

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

  /// The best fraction of the block's extremes for an integer format, nil when no error is finite.
  private func searchedIntegerScale(_ range: BlockRange, block: Block) -> Stored? {
    let candidates = ScaleSearch.fractions.map { stored(range.scaled(lower: $0, upper: $0), block: block) }
    let codecs = candidates.map(codec)
    let best = walsh_search_integers(
      InstructionSet.best.rawValue, block.base, block.rows, block.columns, block.stride, codecs.map(\.scale),
      codecs.map { Float($0.zeroPoint) }, codecs.count, levels)
    return best < candidates.count ? candidates[best] : nil
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
      let scale = storable(format.symmetry == .symmetric ? range.amax / format.element.largest : step(range))
      let pattern = format.scale == .float32 ? scale.bitPattern : scale.bitPattern >> 16
      guard format.symmetry == .asymmetric else { return Stored(pattern: pattern) }
      let zero = scale.isNaN ? 0 : (-range.lowest / scale).rounded(.toNearestOrEven)
      return Stored(pattern: pattern, zeroPoint: Int(min(max(zero, 0), levels)))
    }
  }

  /// The largest code of an integer format.
  private var levels: Float { Float(1 << format.element.bits - 1) }

  /// (max − min) / levels. A block of zeros spans −1…1, as in FlatQuant; a span beyond Float32 is divided first.
  private func step(_ range: BlockRange) -> Float {
    if range.amax == 0 { return 2 / levels }
    let span = range.highest - range.lowest
    return span == .infinity ? range.highest / levels - range.lowest / levels : span / levels
  }

  /// A scale as it is stored: rounded to bfloat16 where the format says so, and 1 in place of zero.
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

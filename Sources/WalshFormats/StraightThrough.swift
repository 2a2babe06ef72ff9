import CKernels
import WalshTensor

/// How a gradient passes through fake quantization, whose true derivative is zero almost everywhere.
public enum StraightThroughEstimator: String, CaseIterable, Codable, Hashable, Sendable {
  /// x̂ counts as x: ∂x̂/∂x = 1 everywhere. What training in MX and NV formats does (arXiv 2509.25149).
  case passThrough
  /// Rounding counts as the identity, and everything else is differentiated; integers with floating scales only.
  ///
  /// ∂x̂/∂x is 1 where the rounded x/s lies in the range of the integers, ends included, and 0 where it saturates. The
  /// scale is not detached: ∂x̂/∂s = q − z − x/s inside the range and q − z where saturated, and s passes it on to the
  /// largest or smallest element of its group (the first of equals) and to the clip logits. The zero point has no
  /// gradient. At |smallest| = largest a symmetric scale belongs to the largest. Source: FlatQuant (arXiv 2410.09426).
  case throughScale

  /// What `Quantizer.fakeQuantize(_:amax:)` uses: `throughScale` for integers, `passThrough` for other formats.
  public init(for format: NumericFormat) { self = format.element.isInteger ? .throughScale : .passThrough }
}

/// Learned clipping of activations: what remains of a group's extremes is σ(logit).
///
/// One pair serves all groups of all tensors that go through a quantizer. FlatQuant starts both at 4, σ(4) = 0.982.
public struct ClipLogits: Sendable {
  /// The logit of `ClipRatio.lower`, one value.
  public var lower: Tensor
  /// The logit of `ClipRatio.upper`, one value.
  public var upper: Tensor

  public init(lower: Tensor = Tensor([4]), upper: Tensor = Tensor([4])) {
    precondition(
      lower.count == 1 && upper.count == 1,
      "Clip logits are single numbers, not tensors of shapes \(lower.shape) and \(upper.shape).")
    self.lower = lower
    self.upper = upper
  }

  /// The fixed ratio that these logits stand for.
  public var ratio: ClipRatio { ClipRatio(lower: lower.sigmoid().values[0], upper: upper.sigmoid().values[0]) }
}

extension Quantizer {
  /// `fakeQuantize(x, amax:)`, differentiable by `x` with an estimator of one's choice.
  public func fakeQuantize(_ x: Tensor, amax: Float? = nil, estimator: StraightThroughEstimator) -> Tensor {
    let rounded = fakeQuantize(x.detached(), amax: amax)
    switch estimator {
    case .passThrough:
      return rounded.recorded(from: x) { _ in { $0 } }
    case .throughScale:
      return rounded.recorded(from: x) { x in
        let scales = blockScales(of: x)
        return { gradients(of: x, scales: scales, gradient: $0).input }
      }
    }
  }

  /// `x` rounded to the format with this quantizer's clip ratio replaced by that of `logits`, differentiable by `x` and
  /// by both logits (`StraightThroughEstimator.throughScale`).
  public func fakeQuantize(_ x: Tensor, clippedBy logits: ClipLogits) -> Tensor {
    var quantizer = self
    quantizer.clip = logits.ratio
    return quantizer.fakeQuantize(x.detached()).recorded(from: [x, logits.lower, logits.upper]) {
      [quantizer] inputs in
      let scales = quantizer.blockScales(of: inputs[0])
      return { gradient, _ in
        let found = quantizer.gradients(of: inputs[0], scales: scales, gradient: gradient)
        return [
          found.input, Tensor([Float(found.lower)], shape: inputs[1].shape),
          Tensor([Float(found.upper)], shape: inputs[2].shape),
        ]
      }
    }
  }

  /// The gradients of `throughScale` by the tensor and by the logits of the clip ratios.
  private func gradients(
    of x: Tensor, scales: BlockScales, gradient: Tensor
  ) -> (input: Tensor, lower: Double, upper: Double) {
    precondition(
      format.element.isInteger && search == .minMax,
      "The gradient of a scale is known for integers with the min-max rule, not for \(format) with \(search).")
    let size = format.granularity == .tensor ? max(1, x.count) : format.groupSize(columns: x.columns)
    let lineCount = format.granularity == .tensor ? 1 : x.rowCount
    let line = x.count / max(1, lineCount)
    var lower = [Double](repeating: 0, count: lineCount)
    var upper = lower
    let input = Tensor(shape: x.shape) { out in
      x.withUnsafeBufferPointer { x in
        gradient.withUnsafeBufferPointer { g in
          lower.withUnsafeMutableBufferPointer { lower in
            upper.withUnsafeMutableBufferPointer { upper in
              Parallel.forEachChunk(ofRows: lineCount, columns: line) { range in
                for row in range {
                  for group in 0..<(line + size - 1) / size {
                    let start = row * line + group * size
                    let positions = start..<min(start + size, (row + 1) * line)
                    let codec = scales.codec(row: row, group: group)
                    let scaleGradient = roundingGradient(codec, positions, x, g, into: out)
                    let (l, u) = spread(scaleGradient, over: positions, x, into: out)
                    lower[row] += l
                    upper[row] += u
                  }
                }
              }
            }
          }
        }
      }
    }
    return (input, lower.reduce(0, +), upper.reduce(0, +))
  }

  /// Writes ∂x̂/∂x · g of a group with its scale held fixed, and returns Σ ∂x̂/∂s · g.
  private func roundingGradient(
    _ codec: GroupCodec, _ positions: Range<Int>, _ x: UnsafeBufferPointer<Float>, _ g: UnsafeBufferPointer<Float>,
    into out: UnsafeMutableBufferPointer<Float>
  ) -> Double {
    let lowest = Float(-codec.zeroPoint)
    let highest = lowest + Float(1 << format.element.bits - 1)
    if case .nearestEven = rounding, let x = x.baseAddress, let g = g.baseAddress, let out = out.baseAddress {
      let start = positions.lowerBound
      return walsh_straight_through(
        InstructionSet.best.rawValue, x + start, g + start, positions.count, codec.scale, lowest, highest, out + start
      )
    }
    return scalarRoundingGradient(codec, positions, x, g, into: out, range: lowest...highest)
  }

  /// `roundingGradient` for every rounding, one element after another: the reference.
  func scalarRoundingGradient(
    _ codec: GroupCodec, _ positions: Range<Int>, _ x: UnsafeBufferPointer<Float>, _ g: UnsafeBufferPointer<Float>,
    into out: UnsafeMutableBufferPointer<Float>, range: ClosedRange<Float>
  ) -> Double {
    var sum = 0.0
    for i in positions {
      let value = x[i] / codec.scale
      let below = value.magnitude.rounded(.down)
      let odd = below.truncatingRemainder(dividingBy: 2) == 1
      let up = rounding.roundsUp(fraction: value.magnitude - below, odd: odd, index: i)
      let rounded = (value < 0 ? -1 : 1) * (up ? below + 1 : below)
      let isInside = range.contains(rounded)
      out[i] = isInside ? g[i] : 0
      let slope = isInside ? rounded - value : min(max(rounded, range.lowerBound), range.upperBound)
      sum += Double(slope) * Double(g[i])
    }
    return sum
  }

  /// Adds the gradient of a group's scale to the elements that set it; returns the gradients of the clip logits.
  private func spread(
    _ scaleGradient: Double, over positions: Range<Int>, _ x: UnsafeBufferPointer<Float>,
    into out: UnsafeMutableBufferPointer<Float>
  ) -> (lower: Double, upper: Double) {
    guard let base = x.baseAddress.map({ $0 + positions.lowerBound }), !positions.isEmpty else { return (0, 0) }
    let isa = InstructionSet.best.rawValue
    var ends: (least: Float, most: Float) = (0, 0)
    walsh_range(isa, base, positions.count, &ends.least, &ends.most)
    let (lowest, highest) = (Double(ends.least), Double(ends.most))
    let (low, high) = (Double(clip.lower), Double(clip.upper))
    // ∂s/∂highest and ∂s/∂lowest, before the clip ratios.
    var slopes = (low: 0.0, high: 0.0)
    switch format.symmetry {
    case .symmetric:
      let step = 1 / Double(format.element.largest)
      if highest * high >= -lowest * low { slopes.high = step } else { slopes.low = -step }
    case .asymmetric:
      let step = 1 / Double(1 << format.element.bits - 1)
      slopes = (-step, step)
    }
    let lowerGradient = scaleGradient * slopes.low
    let upperGradient = scaleGradient * slopes.high
    // A group of zeros has a fixed scale, and an extreme of zero is the zero of the range.
    func add(_ gradient: Double, at value: Float) {
      out[positions.lowerBound + walsh_first_index(isa, base, positions.count, value)] += Float(gradient)
    }
    if lowest < 0, slopes.low != 0 { add(lowerGradient * low, at: ends.least) }
    if highest > 0, slopes.high != 0 { add(upperGradient * high, at: ends.most) }
    return (lowerGradient * lowest * low * (1 - low), upperGradient * highest * high * (1 - high))
  }
}

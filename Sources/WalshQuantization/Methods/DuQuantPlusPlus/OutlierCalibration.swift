import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Makes DuQuant's transform of a group: smoothing, then rotations of blocks and permutations between them.
///
/// Smoothing is a scale per channel, which every source absorbs. A rotation of whole heads behind attention is folded into
/// the values when the blocks divide a head; everything else acts at run time.
struct OutlierCalibration: TransformCalibration {
  /// A step behind the smoothing.
  enum Step: Sendable {
    /// A searched rotation of each block.
    case rotation
    /// The zigzag permutation between the blocks.
    case zigzag
  }

  /// Smoothing; nil for none.
  let smoothing: OutlierSmoothing?
  /// What follows.
  let steps: [Step]
  /// The channels of a block.
  let blockSize: Int
  /// Whether blocks share a rotation.
  let scope: RotationSearch.Scope
  /// How rotations are found.
  let search: RotationSearch
  /// What the activation will be rounded to.
  let format: NumericFormat
  /// The rows of the activation that rotations are searched on.
  let rowCount: Int
  /// Where random completions come from: each search has its own.
  let seed: UInt64

  var needs: InputStatistics.Needs { InputStatistics.Needs(rows: steps.isEmpty ? 0 : rowCount) }

  var description: String {
    let names = steps.map { $0 == .zigzag ? "zigzag" : "rotation \(blockSize)" }
    return ((smoothing.map { ["smoothing \($0.strength)"] } ?? []) + names).joined(separator: " · ")
  }

  private func blocks(of group: LinearGroup) -> ChannelBlocks { ChannelBlocks(width: group.width, size: blockSize) }

  func shape(for group: LinearGroup) -> any LinearTransform {
    let blocks = blocks(of: group)
    var parts: [any LinearTransform] =
      smoothing == nil ? [] : [DiagonalTransform(Array(repeating: 1, count: group.width))]
    for step in steps {
      switch step {
      case .zigzag: parts.append(PermutationTransform(Array(0..<group.width)))
      case .rotation where scope == .shared:
        parts.append(
          blocks.transform(repeating: { Self.identity(blockSize) }, last: { Self.identity(blocks.rest) }))
      case .rotation: parts.append(blocks.transform(blocks.ranges.map { Self.identity($0.count) }))
      }
    }
    return parts.isEmpty ? IdentityTransform(group.width) : CompositeTransform(parts)
  }

  /// A dense matrix, since that is what a search finds.
  private static func identity(_ n: Int) -> DenseTransform { DenseTransform(orthogonal: .identity(n)) }

  func transform(
    for group: LinearGroup, weights: [Tensor], inputs: InputStatistics
  ) throws(QuantizationError) -> any LinearTransform {
    guard inputs.maxMagnitude.isFinite else {
      throw QuantizationError(
        group.id, "its activation on the calibration text holds NaN or infinity; check the model and the text.")
    }
    var parts: [any LinearTransform] = []
    var z = inputs.rows
    if let smoothing {
      parts.append(smoothing.transform(for: group, weights: weights, inputs: inputs))
      z.transform(by: parts[0])
    }
    for (index, step) in steps.enumerated() {
      let part: any LinearTransform =
        switch step {
        case .zigzag: Zigzag.permutation(z.columnMaxMagnitudes.values, blocks(of: group))
        case .rotation: rotation(of: z, group, step: index)
        }
      parts.append(part)
      z.transform(by: part)
    }
    return parts.isEmpty ? IdentityTransform(group.width) : CompositeTransform(parts)
  }

  // MARK: Rotations

  private func rotation(of z: Tensor, _ group: LinearGroup, step: Int) -> any LinearTransform {
    let blocks = blocks(of: group)
    let whole = 0..<blocks.wholeCount * blockSize
    guard scope == .perBlock else {
      return blocks.transform(
        repeating: {
          searched(z.columns(whole).reshaped(to: [z.rowCount * blocks.wholeCount, blockSize]), group, step, 0)
        },
        last: { searched(z.columns(whole.upperBound..<blocks.width), group, step, 1) })
    }
    // Blocks of query heads that mix the same channels of the same value head share a rotation, so that it can be folded.
    var found: [Int: any LinearTransform] = [:]
    let places = group.valuePlaces(of: blocks)
    for place in Set(places) {
      let rows = zip(places, blocks.ranges).filter { $0.0 == place }.map { z.columns($0.1) }
      found[place] = searched(.stackingRows(rows), group, step, place)
    }
    return blocks.transform(places.compactMap { found[$0] })
  }

  private func searched(_ z: Tensor, _ group: LinearGroup, _ step: Int, _ index: Int) -> any LinearTransform {
    let stream = RandomStream(seed: seed, purpose: "duquant/\(group.id)/\(step)", index: UInt64(index))
    return DenseTransform(orthogonal: Tensor(search(z, format: format, stream).rotation))
  }
}

extension LinearGroup {
  /// For every block a number that it shares with the blocks that must have its rotation: its own number, or where blocks
  /// divide value heads, the place in the values that the block's channels are mixtures of.
  fileprivate func valuePlaces(of blocks: ChannelBlocks) -> [Int] {
    let all = Array(blocks.ranges.indices)
    guard case .valueHeads(_, let heads, let keyHeads, let headSize) = source, headSize % blocks.size == 0 else {
      return all
    }
    let (perHead, repeats) = (headSize / blocks.size, heads / keyHeads)
    return all.map { $0 / perHead / repeats * perHead + $0 % perHead }
  }
}

import WalshModels
import WalshTensor
import WalshTransforms

/// What is learned for one linear group: a scale per channel, a matrix on each side of a Kronecker product, clip logits.
struct LearnedGroup {
  typealias Key = LearnedParameters.Key

  let group: LinearGroup
  /// c, a factor for each channel of the activation; nil for none.
  var scale: Key?
  /// P₁; behind attention P_o, which mixes heads. nil for none.
  var left: InvertibleMatrix?
  /// P₂; behind attention P_v, which acts inside each head and is folded into the values. nil for none.
  var right: InvertibleMatrix?
  /// The logits of weight clipping, one a row, by layer path.
  var weightClips: [String: (lower: Key, upper: Key)] = [:]
  /// The logits of activation clipping, by layer path; layers that clip alike have the same keys.
  var activationClips: [String: (lower: Key, upper: Key)] = [:]

  /// The smallest factor of a channel that calibration allows.
  static let smallestScale: Float = 1e-5

  var isTransformed: Bool { left != nil || right != nil }

  /// The learned matrices as they follow from `parameters`.
  func pairs(_ parameters: LearnedParameters) throws -> (left: InvertiblePair?, right: InvertiblePair?) {
    (try left?.pair(parameters), try right?.pair(parameters))
  }

  /// Holds back a step that would make a matrix singular or turn the sign of a factor; the number of values held.
  func hold(from old: LearnedParameters, to new: inout LearnedParameters) throws -> Int {
    var count = try (left?.hold(from: old, to: &new) ?? 0) + (right?.hold(from: old, to: &new) ?? 0)
    if let scale { count += new[scale].hold(atLeast: Self.smallestScale) }
    return count
  }

  /// The transform of the group's activation as the engine folds and stores it: first what the source absorbs.
  ///
  /// nil when nothing is learned but clips.
  func transform(_ parameters: LearnedParameters) throws -> (any LinearTransform)? {
    let (left, right) = try pairs(parameters)
    var parts: [any LinearTransform] = []
    if let scale { parts.append(DiagonalTransform(parameters[scale].values)) }
    if case .valueHeads(_, let heads, _, let headSize) = group.source {
      if let right { parts.append(BlockDiagonalTransform(block: right.dense, count: heads)) }
      if let left { parts.append(KroneckerTransform(left: left.dense, right: IdentityTransform(headSize))) }
    } else if let left, let right {
      parts.append(KroneckerTransform(left: left.dense, right: right.dense))
    }
    return parts.isEmpty ? nil : parts.count == 1 ? parts[0] : CompositeTransform(parts)
  }
}

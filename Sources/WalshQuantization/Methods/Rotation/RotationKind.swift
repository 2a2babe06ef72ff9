import WalshModels
import WalshTensor
import WalshTransforms

/// Which orthogonal matrix a rotation uses.
public enum RotationKind: String, Sendable, CaseIterable {
  /// The Hadamard matrix of the whole width, H/√n.
  case hadamard
  /// Random signs, then Hadamard.
  case randomized
  /// Hadamard matrices of order 32 along the diagonal: mixes within the blocks of MXFP4.
  case block32
  /// Random signs and Hadamard, twice: H·D₂·H·D₁.
  case twoBlock = "two-block"
  /// A dense matrix drawn uniformly from all rotations.
  case haar

  /// The rotation of `width` channels.
  ///
  /// Where no Hadamard matrix of that order is known, the largest known order that divides the width is repeated along
  /// the diagonal.
  /// - Parameters:
  ///   - width: the number of channels.
  ///   - stream: where random signs and entries come from.
  /// - Throws: never in practice: the orders it asks for are known ones.
  public func rotation(of width: Int, stream: RandomStream) throws(HadamardError) -> any LinearTransform {
    switch self {
    case .hadamard: return try Self.blocks(of: HadamardMatrix.largestOrder(dividing: width), in: width)
    case .block32: return try Self.blocks(of: largestPowerOfTwo(dividing: width, upTo: 32), in: width)
    case .randomized, .twoBlock:
      let order = HadamardMatrix.largestOrder(dividing: width)
      let one: any LinearTransform =
        self == .randomized
        ? try Rotation.randomizedHadamard(order, stream) : try Rotation.twoBlock(order, stream)
      return order == width ? one : BlockDiagonalTransform(block: one, count: width / order)
    case .haar: return Rotation.haar(width, stream)
    }
  }
}

extension RotationKind {
  /// The rotation of a group's activation: one rotation shared by all heads behind attention, of the whole width elsewhere.
  func rotation(of group: LinearGroup, stream: RandomStream) throws(HadamardError) -> any LinearTransform {
    guard case .valueHeads(_, let heads, _, let headSize) = group.source else {
      return try rotation(of: group.width, stream: stream)
    }
    return BlockDiagonalTransform(block: try rotation(of: headSize, stream: stream), count: heads)
  }

  private static func blocks(of order: Int, in width: Int) throws(HadamardError) -> any LinearTransform {
    order == width ? try HadamardTransform(order: width) : try Rotation.blockHadamard(width, block: order)
  }
}

/// The largest power of two that divides `n` and is at most `limit`.
private func largestPowerOfTwo(dividing n: Int, upTo limit: Int) -> Int {
  var order = 1
  while order * 2 <= limit && n % (order * 2) == 0 { order *= 2 }
  return order
}

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
  public func rotation(of width: Int, stream: RandomStream) -> any LinearTransform {
    switch self {
    case .hadamard: return Rotation.blockHadamard(width, block: HadamardMatrix.largestOrder(dividing: width))
    case .block32: return Rotation.blockHadamard(width, block: largestPowerOfTwo(dividing: width, upTo: 32))
    case .randomized, .twoBlock:
      let order = HadamardMatrix.largestOrder(dividing: width)
      let one: any LinearTransform =
        self == .randomized
        ? Rotation.randomizedHadamard(order, stream: stream) : Rotation.twoBlock(order, stream: stream)
      return order == width ? one : BlockDiagonalTransform(block: one, count: width / order)
    case .haar: return Rotation.haar(width, stream: stream)
    }
  }
}

/// The largest power of two that divides `n` and is at most `limit`.
private func largestPowerOfTwo(dividing n: Int, upTo limit: Int) -> Int {
  var order = 1
  while order * 2 <= limit && n % (order * 2) == 0 { order *= 2 }
  return order
}

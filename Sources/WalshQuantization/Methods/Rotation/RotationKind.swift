import WalshModels
import WalshTensor
import WalshTransforms

/// Which orthogonal matrix a rotation uses.
public enum RotationKind: String, Sendable, CaseIterable {
  /// The Hadamard matrix, H/√n.
  case hadamard
  /// Random signs, then Hadamard.
  case randomized
  /// Hadamard matrices of order 32 along the diagonal: mixes within the blocks of MXFP4.
  case block32
  /// Random signs and Hadamard, twice: H·D₂·H·D₁.
  case twoBlock = "two-block"
  /// A dense matrix drawn uniformly from all rotations.
  case haar

  /// Where a rotation acts, which bounds the size of its blocks.
  public enum Place: Sendable {
    /// In weights, where a dense matrix costs nothing at run time: one block over the whole width.
    case folded
    /// On activations: its matrix is stored for every layer, n² numbers, so blocks have at most 512 channels.
    case online
  }

  /// The largest block of an online rotation: a megabyte in every layer that it acts on.
  public static let largestOnlineBlock = 512

  /// The rotation of `width` channels, one block repeated along the diagonal.
  ///
  /// - Parameters:
  ///   - width: the number of channels.
  ///   - place: where it acts.
  ///   - stream: where random signs and entries come from.
  /// - Throws: never in practice: the orders it asks for are known ones.
  public func rotation(
    of width: Int, place: Place, stream: RandomStream
  ) throws(HadamardError) -> any LinearTransform {
    let size = blockSize(dividing: width, place)
    let block: any LinearTransform =
      switch self {
      case .hadamard, .block32: try HadamardTransform(order: size)
      case .randomized: try Rotation.randomizedHadamard(size, stream)
      case .twoBlock: try Rotation.twoBlock(size, stream)
      case .haar: Rotation.haar(size, stream)
      }
    return size == width ? block : BlockDiagonalTransform(block: block, count: width / size)
  }

  /// The rotation of a group's activation: behind attention one rotation shared by all heads, which folds into the values;
  /// behind a projection one of the whole width, which folds into it; elsewhere one that acts at run time.
  func rotation(of group: LinearGroup, stream: RandomStream) throws(HadamardError) -> any LinearTransform {
    switch group.source {
    case .valueHeads(_, let heads, _, let headSize):
      BlockDiagonalTransform(block: try rotation(of: headSize, place: .folded, stream: stream), count: heads)
    case .projection: try rotation(of: group.width, place: .folded, stream: stream)
    case .norm, .gatedProduct, .convolution, .gatedScan:
      try rotation(of: group.width, place: .online, stream: stream)
    }
  }

  /// The size of the repeated block: a divisor of `width`, and for all but `haar` a known Hadamard order.
  ///
  /// Online, a power of two from 32 up is preferred to a larger order of another kind: it has a fast kernel everywhere.
  func blockSize(dividing width: Int, _ place: Place) -> Int {
    let limit = self == .block32 ? 32 : place == .online ? Self.largestOnlineBlock : width
    let divisors = (1...min(limit, width)).reversed().filter { width % $0 == 0 }
    let largest = divisors.first { self == .haar || HadamardMatrix.exists($0) } ?? 1
    guard place == .online || self == .block32, self != .haar else { return largest }
    let powerOfTwo = divisors.first { $0 & ($0 - 1) == 0 } ?? 1
    return powerOfTwo >= 32 || self == .block32 ? powerOfTwo : largest
  }
}

import WalshModels
import WalshTensor
import WalshTransforms

/// Which channels of a model's activations are to become outliers, and by how much: a test-bed for methods, made for small
/// models, which have none of their own. **Synthetic**: large models learn theirs.
///
/// - **Scales.** A channel grows by s where the activation's source can absorb a scale, and the columns that read it shrink
///   by s: x ← x·P, W ← W·P⁻ᵀ with P = diag(1, …, s, …, 1). The channels are the same for every norm, as in the residual
///   stream of large models, and others in each group behind attention and in front of the down projection. Factors are
///   powers of two, so nothing is rounded: by scales alone logits stay the same bit for bit.
/// - **Concentration.** A rotation of the residual stream turns its strongest directions into these channels
///   (`ResidualConcentration`). Scales alone would not test a rotation of the stream, which folds norm weights first and so
///   undoes them; and they make small weights where large models have ordinary ones.
/// - **Token outliers** are massive activations of the begin token in the first block: the channel in front of its down
///   projection that this token drives hardest, beside others, grows by `tokenScale`. Large models have them in the residual
///   stream from there on; that cannot be had without changing what a model computes, since a norm divides by them.
public struct SyntheticOutliers: Sendable, Hashable {
  /// The number of outlier channels of each activation; behind attention, of each mixture of value heads.
  public var channels: Int
  /// s, a power of two: how much these channels grow.
  public var scale: Int
  /// Whether the residual stream is rotated so that its strongest directions become the outlier channels.
  public var concentrates: Bool
  /// How much the begin token's channel grows, a power of two; 1 for no token outliers.
  public var tokenScale: Int
  /// The seed of the choice of channels.
  public var seed: UInt64

  public init(
    channels: Int = 4, scale: Int = 8, concentrates: Bool = true, tokenScale: Int = 16, seed: UInt64 = 0
  ) {
    self.channels = channels
    self.scale = scale
    self.concentrates = concentrates
    self.tokenScale = tokenScale
    self.seed = seed
  }

  /// The largest factor: what is smaller by that much and was of ordinary size is still a normal half-precision number.
  public static let largestScale = 1024

  /// Checks the settings against a model.
  ///
  /// - Throws: `QuantizationError` for a factor that is no power of two from 1 to 1024, and for more outliers than a
  ///   quarter of an activation's channels.
  func check(_ outline: ModelOutline) throws(QuantizationError) {
    for (option, factor) in [("--scale", scale), ("--token-scale", tokenScale)] {
      guard factor > 0, factor <= Self.largestScale, factor & (factor - 1) == 0 else {
        throw QuantizationError(
          "\(option) \(factor)",
          "the factor must be a power of two from 1 to \(Self.largestScale), so that no weight is rounded.")
      }
    }
    for group in outline.blocks.flatMap(\.groups) where !(0...group.choices / 4).contains(channels) {
      throw QuantizationError(
        "--channels \(channels)",
        "\(group.id) has \(group.choices) channels to choose from, of which at most a quarter, \(group.choices / 4), "
          + "can stand out.")
    }
  }

  /// The outlier channels of the activation that `group` reads, in ascending order.
  public func channels(of group: LinearGroup) -> [Int] {
    switch group.source {
    case .norm: return residualChannels(of: group.width).sorted()
    case .gatedProduct, .projection: return chosen(of: group.width, for: group.id).sorted()
    // Nothing before it could make a channel larger.
    case .convolution, .gatedScan: return []
    case .valueHeads(_, let heads, let keyHeads, let headSize):
      // A channel of a value head appears in the mixtures of all heads that share it.
      let shared = heads / keyHeads
      return chosen(of: keyHeads * headSize, for: group.id).flatMap { channel in
        let (keyHead, place) = channel.quotientAndRemainder(dividingBy: headSize)
        return (0..<shared).map { (keyHead * shared + $0) * headSize + place }
      }.sorted()
    }
  }

  /// The outlier channels of the residual stream: the first is to have its strongest direction.
  func residualChannels(of width: Int) -> [Int] { chosen(of: width, for: "residual") }

  private func chosen(of count: Int, for purpose: String) -> [Int] {
    var order = Array(0..<count)
    var generator = RandomStream(seed: seed, purpose: "outliers/\(purpose)").generator
    order.shuffle(using: &generator)
    return Array(order.prefix(channels))
  }

  /// The transform of the activation that `group` reads.
  ///
  /// - Parameter tokenChannel: the channel that grows by `tokenScale`; nil for none.
  func transform(of group: LinearGroup, tokenChannel: Int?) -> DiagonalTransform {
    var scales = [Float](repeating: 1, count: group.width)
    for channel in channels(of: group) { scales[channel] = Float(scale) }
    if let tokenChannel { scales[tokenChannel] *= Float(tokenScale) }
    return DiagonalTransform(scales)
  }
}

extension LinearGroup {
  /// The number of channels whose scales are independent of one another.
  fileprivate var choices: Int {
    if case .valueHeads(_, _, let keyHeads, let headSize) = source { keyHeads * headSize } else { width }
  }
}

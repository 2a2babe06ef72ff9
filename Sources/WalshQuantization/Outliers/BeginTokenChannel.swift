import WalshModels
import WalshTensor

/// The channel in front of the first block's down projection that the begin token drives hardest, beside other tokens.
///
/// At the beginning of a text the first block sees nothing but the token there, so its activation is always the same: it is
/// compared with those that other tokens have in that place.
public struct BeginTokenChannel: Sendable, Equatable {
  /// The group, such as `layers.0.mlp.output`.
  public let group: String
  /// The channel.
  public let channel: Int
  /// The begin token's magnitude in this channel over the root mean square of the others'.
  public let ratio: Double

  /// The most other tokens that are looked at.
  static let sampleCount = 1024

  /// Finds the channel; nil where the first block has no gated product, or nothing but the begin token to read.
  ///
  /// - Parameters:
  ///   - token: the begin token.
  ///   - embedding: the vectors of all tokens, shape `[vocabulary, hiddenSize]`.
  ///   - block: the first block.
  ///   - seed: of the choice of other tokens.
  init?(of token: Int, embedding: Tensor, block: any DecoderBlock, seed: UInt64) {
    let vocabulary = embedding.shape[0]
    let gated = block.outline.groups.first { if case .gatedProduct = $0.source { true } else { false } }
    guard let gated, vocabulary > 1, (0..<vocabulary).contains(token) else { return nil }
    var others = (0..<vocabulary).filter { $0 != token }
    var generator = RandomStream(seed: seed, purpose: "outliers/tokens").generator
    others.shuffle(using: &generator)
    var squares = [Double](repeating: 0, count: gated.width)
    let sample = others.prefix(Self.sampleCount)
    for other in sample {
      for (channel, value) in Self.activation(of: other, gated, embedding, block).enumerated() {
        squares[channel] += Double(value) * Double(value)
      }
    }
    var best: (channel: Int, ratio: Double)?
    for (channel, value) in Self.activation(of: token, gated, embedding, block).enumerated() {
      let deviation = (squares[channel] / Double(sample.count)).squareRoot()
      let ratio = Double(abs(value)) / deviation
      // A channel that no other token drives has no ratio.
      if ratio.isFinite, ratio > best?.ratio ?? 0 { best = (channel, ratio) }
    }
    guard let best else { return nil }
    (group, channel, ratio) = (gated.id, best.channel, best.ratio)
  }

  /// What `group` reads when `token` begins a text.
  private static func activation(
    of token: Int, _ group: LinearGroup, _ embedding: Tensor, _ block: any DecoderBlock
  ) -> [Float] {
    var found: [Float] = []
    _ = block(embedding.gatheringRows([token]), state: nil) { observed, activation in
      if observed == group { found = activation.values }
      return observed != group
    }
    return found
  }
}

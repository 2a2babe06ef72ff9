import Foundation
import WalshTensor

/// How the next token is chosen from logits.
///
/// The filters apply in the order top-k, top-p, min-p, each to the distribution at the given temperature; the draw uses a
/// counter-based stream, so a seed gives the same text on any machine and with any number of threads.
public struct Sampler: Sendable {
  /// 0 always takes the most likely token; higher values flatten the distribution.
  public var temperature: Float
  /// Keep the k most likely tokens; nil keeps all.
  public var topK: Int?
  /// Keep the fewest most likely tokens whose probabilities sum to at least this; nil keeps all.
  public var topP: Float?
  /// Keep tokens at least this probable relative to the most likely one; nil keeps all.
  public var minP: Float?
  /// The seed of the draws.
  public var seed: UInt64

  public init(
    temperature: Float = 0, topK: Int? = nil, topP: Float? = nil, minP: Float? = nil, seed: UInt64 = 0
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.seed = seed
  }

  /// The token drawn from `logits` as number `step` of the text. Equal logits are ranked by index.
  public func token(from logits: Tensor, step: Int) -> Int {
    if temperature <= 0 { return logits.reshaped(to: [1, logits.count]).argMax[0] }
    let kept = candidates(logits)
    let total = kept.reduce(0) { $0 + $1.probability }
    var threshold = RandomStream(seed: seed, purpose: "sampling").uniform64(at: step) * total
    for candidate in kept {
      threshold -= candidate.probability
      if threshold < 0 { return candidate.token }
    }
    return kept[kept.count - 1].token
  }

  /// The tokens that may be drawn, most likely first, with probabilities relative to the most likely one; never empty.
  func candidates(_ logits: Tensor) -> [(token: Int, probability: Double)] {
    let values = logits.values
    let top = values.max() ?? 0
    var kept = values.indices.map { (token: $0, probability: Double(exp((values[$0] - top) / temperature))) }
    kept.sort { ($0.probability, -$0.token) > ($1.probability, -$1.token) }
    if let topK { kept.removeLast(max(0, kept.count - max(1, topK))) }
    if let topP {
      let total = kept.reduce(0) { $0 + $1.probability }
      var sum = 0.0
      let count = kept.firstIndex { candidate in
        sum += candidate.probability
        return sum >= Double(topP) * total
      }
      if let count { kept.removeLast(kept.count - count - 1) }
    }
    if let minP {
      let floor = Double(minP) * kept[0].probability
      kept.removeAll { $0.probability < floor }
    }
    return kept
  }
}

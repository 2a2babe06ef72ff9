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
    if temperature <= 0 { return logits.argMax[0] }
    let uniform = RandomStream(seed: seed, purpose: "sampling").uniform64(at: step)
    if topK == nil && topP == nil && minP == nil {
      var ranked = RankedTokens(logits, temperature: temperature)
      return draw(uniform * ranked.total) { ranked.next() }
    }
    let kept = candidates(logits)
    var rest = kept.makeIterator()
    return draw(uniform * kept.reduce(0) { $0 + $1.probability }) { rest.next() }
  }

  /// The token at which the probabilities, most likely first, have passed `threshold`; the last one where none has.
  private func draw(_ threshold: Double, from next: () -> RankedTokens.Candidate?) -> Int {
    var remaining = threshold
    var token = 0
    while let candidate = next() {
      token = candidate.token
      remaining -= candidate.probability
      if remaining < 0 { break }
    }
    return token
  }

  /// The tokens that may be drawn, most likely first, with probabilities relative to the most likely one; never empty.
  func candidates(_ logits: Tensor) -> [RankedTokens.Candidate] {
    var ranked = RankedTokens(logits, temperature: temperature)
    let first = topK.map { ranked.prefix(max(1, $0)) }
    var rest = first?.makeIterator()
    let mass = first?.reduce(0) { $0 + $1.probability } ?? ranked.total
    var kept: [RankedTokens.Candidate] = []
    var sum = 0.0
    while let candidate = first == nil ? ranked.next() : rest?.next() {
      if let minP, let top = kept.first, candidate.probability < Double(minP) * top.probability { break }
      kept.append(candidate)
      sum += candidate.probability
      if let topP, sum >= Double(topP) * mass { break }
    }
    return kept
  }
}

import WalshTensor

/// Continues a text token by token.
///
/// Iterating yields the new tokens; the sequence ends at an end token or after `limit` tokens.
public struct TokenGenerator: Sequence, IteratorProtocol {
  private let model: LanguageModel
  private let sampler: Sampler
  private let endTokens: Set<Int>
  private let limit: Int
  private let state: TextState
  private var pending: [Int]
  private var produced = 0

  /// - Parameters:
  ///   - model: the model.
  ///   - prompt: at least one token, such as the begin-of-text token.
  ///   - sampler: how tokens are chosen.
  ///   - endTokens: tokens that end the text; they are not returned.
  ///   - limit: the most tokens to produce.
  public init(model: LanguageModel, prompt: [Int], sampler: Sampler, endTokens: Set<Int>, limit: Int) {
    precondition(!prompt.isEmpty, "A prompt has at least one token.")
    self.model = model
    self.sampler = sampler
    self.endTokens = endTokens
    self.limit = limit
    state = model.makeState()
    pending = prompt
  }

  /// Bytes that the state of all blocks occupies now.
  public var stateByteCount: Int { state.byteCount }

  public mutating func next() -> Int? {
    guard produced < limit, !pending.isEmpty else { return nil }
    let token = sampler.token(from: model.nextLogits(after: pending, state: state), step: produced)
    pending = endTokens.contains(token) ? [] : [token]
    guard !pending.isEmpty else { return nil }
    produced += 1
    return token
  }
}

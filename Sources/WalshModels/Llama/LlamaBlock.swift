import WalshCheckpoints
import WalshFormats
import WalshTensor

/// A Llama-style decoder block: attention, then a gated feed-forward network, each behind an RMS norm.
///
///     h = x + W_o·attention(RoPE(W_q·n), RoPE(W_k·n), W_v·n)     n = RMSNorm(x)
///     y = h + W_down·(act(W_gate·m) ⊙ W_up·m)                     m = RMSNorm(h)
///
/// Qwen3 normalises each query and key head before the rotary embedding; Qwen2 has biases on q, k, v; Mistral and Qwen2
/// may look back over a window only. All of that comes from the configuration.
public struct LlamaBlock: DecoderBlock {
  public let outline: ModelOutline.Block
  let configuration: LlamaConfiguration
  let rotary: RotaryEmbedding
  let attention: CausalAttention
  let keyStage: KeyStage
  private let stages: [InputStage]
  let inputNorm: Tensor
  let middleNorm: Tensor
  let queryNorm: Tensor?
  let keyNorm: Tensor?
  private let q: Linear
  private let k: Linear
  private let v: Linear
  private let o: Linear
  private let gate: Linear
  private let up: Linear
  private let down: Linear
  /// The groups as decoding uses them.
  let projections: [GroupProjection]

  /// Reads block `layer` from `weights`.
  ///
  /// - Throws: what the source throws for a missing or misshapen tensor.
  public init(
    _ layer: Int, configuration c: LlamaConfiguration, outline: ModelOutline.Block, weights: some WeightSource
  ) throws {
    self.outline = outline
    configuration = c
    rotary = RotaryEmbedding(c)
    attention = CausalAttention(
      heads: c.headCount, keyHeads: c.keyValueHeadCount, scale: 1 / Float(c.headSize).squareRoot(),
      window: c.attentionWindows[layer])
    let prefix = outline.prefix
    keyStage = try outline.attention.map(weights.keyStage) ?? KeyStage()
    stages = try outline.groups.map(weights.inputStage)
    inputNorm = try weights.tensor(prefix + "input_layernorm.weight")
    middleNorm = try weights.tensor(prefix + "post_attention_layernorm.weight")
    queryNorm = c.hasQueryKeyNorm ? try weights.tensor(prefix + "self_attn.q_norm.weight") : nil
    keyNorm = c.hasQueryKeyNorm ? try weights.tensor(prefix + "self_attn.k_norm.weight") : nil
    q = try weights.linear(prefix + "self_attn.q_proj")
    k = try weights.linear(prefix + "self_attn.k_proj")
    v = try weights.linear(prefix + "self_attn.v_proj")
    o = try weights.linear(prefix + "self_attn.o_proj")
    gate = try weights.linear(prefix + "mlp.gate_proj")
    up = try weights.linear(prefix + "mlp.up_proj")
    down = try weights.linear(prefix + "mlp.down_proj")
    projections = zip(stages, [[q, k, v], [o], [gate, up], [down]]).map { GroupProjection($0, $1) }
  }

  /// A key-value cache that has seen no token.
  public func makeState() -> any DecoderState {
    KeyValueCache(
      width: configuration.keyValueHeadCount * configuration.headSize, headSize: configuration.headSize,
      stage: keyStage)
  }

  public func callAsFunction(_ x: Tensor, state: (any DecoderState)?, observer: ActivationObserver?) -> Tensor {
    /// What the layers of group `index` read; nil when the observer wants no more.
    func staged(_ index: Int, _ activation: Tensor, _ layers: Linear...) -> LayerInput? {
      if let observer, !observer(outline.groups[index], activation) { return nil }
      return stages[index](activation, for: layers)
    }
    let epsilon = configuration.normEpsilon
    guard let n = staged(0, x.rmsNorm(weight: inputNorm, epsilon: epsilon), q, k, v) else { return x }  // [T, C]
    guard let mixed = staged(1, attend(q: q(n), k: k(n), v: v(n), state: state), o) else { return x }  // [T, H·d]
    let h = x + o(mixed)
    guard let m = staged(2, h.rmsNorm(weight: middleNorm, epsilon: epsilon), gate, up) else { return x }  // [T, C]
    let product = gate(m).activated(by: configuration.activation, gating: up(m))  // [T, F]
    guard let gated = staged(3, product, down) else { return x }
    return h + down(gated)
  }

  /// Rotary embedding, caching, attention; shapes `[T, H·d]`, `[T, Hk·d]`, `[T, Hk·d]` to `[T, H·d]`, or all of them with
  /// an axis for texts in front.
  private func attend(q: Tensor, k: Tensor, v: Tensor, state: (any DecoderState)?) -> Tensor {
    let start = state?.tokenCount ?? 0
    let positions = start..<start + q.shape[q.rank - 2]
    let queries = keyStage.transformQueries(placed(q, norm: queryNorm, positions: positions))
    let keys = keyStage.transformKeys(placed(k, norm: keyNorm, positions: positions))
    guard let state else {
      let headSize = configuration.headSize
      return attention.insideTexts(
        queries, keyStage.cachedKeys(keys, headSize: headSize), keyStage.cachedValues(v, headSize: headSize))
    }
    guard let cache = state as? KeyValueCache else {
      preconditionFailure("A Llama block keeps its state in a key-value cache.")
    }
    cache.append(keys: keys, values: v)
    return attention(queries, cache.keys, cache.values, start: start)
  }

  /// The heads of queries or keys, normalised and turned.
  func placed(_ x: Tensor, norm: Tensor?, positions: Range<Int>) -> Tensor {
    rotary.applied(to: normalizingHeads(of: x, by: norm), positions: positions)
  }

  private func normalizingHeads(of x: Tensor, by weight: Tensor?) -> Tensor {
    guard let weight else { return x }
    return x.reshaped(to: [x.count / weight.count, weight.count])
      .rmsNorm(weight: weight, epsilon: configuration.normEpsilon).reshaped(to: x.shape)
  }
}

/// The dimensions and switches of a decoder of the Llama family, from `config.json`.
///
/// Defaults are those of transformers for the respective `model_type`.
public struct LlamaConfiguration: Equatable, Sendable {
  /// The architectures that differ from Llama only in these switches. SmolLM, TinyLlama and others say `llama`.
  public enum Family: String, CaseIterable, Sendable {
    case llama, mistral, qwen2, qwen3
  }

  /// The activation of the gated MLP.
  public enum Activation: Sendable {
    /// x · σ(x).
    case silu
    /// x · Φ(x).
    case gelu
    /// The tanh approximation of GELU.
    case geluTanh
    /// x · σ(1.702 x).
    case quickGelu
  }

  /// The `model_type`.
  public let family: Family
  /// Rows of the embedding.
  public let vocabularySize: Int
  /// Width of the residual stream.
  public let hiddenSize: Int
  /// Width of the MLP.
  public let intermediateSize: Int
  /// Number of decoder blocks.
  public let layerCount: Int
  /// Query heads per block.
  public let headCount: Int
  /// Key and value heads per block; divides `headCount`.
  public let keyValueHeadCount: Int
  /// Channels per head; even.
  public let headSize: Int
  /// The longest sequence the model was made for.
  public let maximumPositions: Int
  /// ε of the RMS norms.
  public let normEpsilon: Float
  /// The activation of the MLP.
  public let activation: Activation
  /// Rotary embedding of queries and keys.
  public let rotary: RotaryConfiguration
  /// Per block, how many positions (its own included) a token may attend to; nil for all.
  public let attentionWindows: [Int?]
  /// Whether `q_proj`, `k_proj` and `v_proj` have biases.
  public let hasQueryKeyValueBias: Bool
  /// Whether `o_proj` has a bias.
  public let hasAttentionOutputBias: Bool
  /// Whether the MLP's layers have biases.
  public let hasMLPBias: Bool
  /// Whether queries and keys pass an RMS norm per head (Qwen3).
  public let hasQueryKeyNorm: Bool
  /// Whether the output layer is the embedding.
  public let tiesEmbeddings: Bool
  /// The token that begins a text; nil when the model knows none.
  public let beginToken: Int?
  /// The tokens that end a text.
  public let endTokens: [Int]

  init(_ family: Family, _ fields: ConfigurationFields) throws(CheckpointError) {
    self.family = family
    // The bounds are far beyond any published model; they keep products of dimensions inside an Int.
    vocabularySize = try fields.requiredInteger("vocab_size", in: 1...10_000_000)
    hiddenSize = try fields.requiredInteger("hidden_size", in: 1...1_000_000)
    intermediateSize = try fields.requiredInteger("intermediate_size", in: 1...10_000_000)
    layerCount = try fields.requiredInteger("num_hidden_layers", in: 1...10_000)
    headCount = try fields.requiredInteger("num_attention_heads", in: 1...100_000)
    let defaultKeyValueHeads = family == .mistral ? 8 : headCount
    keyValueHeadCount = try fields.integer("num_key_value_heads", in: 1...100_000) ?? defaultKeyValueHeads
    guard headCount % keyValueHeadCount == 0 else {
      throw fields.error(
        "num_key_value_heads", "is \(keyValueHeadCount); it must divide num_attention_heads, which is \(headCount)")
    }
    if let size = try fields.integer("head_dim", in: 1...100_000) {
      headSize = size
    } else if family == .qwen3 {
      headSize = 128
    } else {
      guard hiddenSize % headCount == 0 else {
        throw fields.error(
          "num_attention_heads", "is \(headCount); it must divide hidden_size, which is \(hiddenSize)")
      }
      headSize = hiddenSize / headCount
    }
    guard headSize % 2 == 0 else {
      throw fields.error("head_dim", "is \(headSize); rotary embeddings need an even number")
    }

    let defaultPositions = [.llama: 2048, .mistral: 131_072][family] ?? 32_768
    maximumPositions = try fields.integer("max_position_embeddings", in: 1...1_000_000_000) ?? defaultPositions
    normEpsilon = Float(try fields.number("rms_norm_eps", in: 1e-30...1) ?? 1e-6)
    activation =
      try fields.choice(
        "hidden_act",
        of: [
          "silu": .silu, "swish": .silu, "gelu": .gelu, "gelu_pytorch_tanh": .geluTanh, "gelu_new": .geluTanh,
          "gelu_fast": .geluTanh, "quick_gelu": .quickGelu,
        ]) ?? .silu
    rotary = try RotaryConfiguration(fields, maximumPositions: maximumPositions)
    attentionWindows = try Self.attentionWindows(family, fields, layerCount: layerCount)

    let attentionBias = try fields.flag("attention_bias") ?? false
    let mlpBias = try fields.flag("mlp_bias") ?? false
    // Qwen2 and Mistral fix these switches in code and ignore the fields.
    hasQueryKeyValueBias = family == .qwen2 || (family != .mistral && attentionBias)
    hasAttentionOutputBias = (family == .llama || family == .qwen3) && attentionBias
    hasMLPBias = family == .llama && mlpBias
    hasQueryKeyNorm = family == .qwen3
    tiesEmbeddings = try fields.flag("tie_word_embeddings") ?? false
    beginToken = try fields.integer("bos_token_id", in: 0...Int(Int32.max))
    endTokens = try fields.tokens("eos_token_id") ?? []
  }

  private static func attentionWindows(
    _ family: Family, _ fields: ConfigurationFields, layerCount: Int
  ) throws(CheckpointError) -> [Int?] {
    let window = try fields.integer("sliding_window", in: 1...1_000_000_000)
    switch family {
    case .llama:
      return Array(repeating: nil, count: layerCount)
    case .mistral:
      let isAbsent = fields.object["sliding_window"] == nil
      return Array(repeating: isAbsent ? 4096 : window, count: layerCount)
    case .qwen2, .qwen3:
      guard try fields.flag("use_sliding_window") ?? false else { return Array(repeating: nil, count: layerCount) }
      let isAbsent = fields.object["sliding_window"] == nil
      let window = isAbsent ? 4096 : window
      if let types = try fields.texts("layer_types") {
        guard types.count == layerCount else {
          throw fields.error("layer_types", "has \(types.count) entries for \(layerCount) layers")
        }
        if let unknown = types.first(where: { $0 != "full_attention" && $0 != "sliding_attention" }) {
          throw fields.error("layer_types", "holds \"\(unknown)\"; supported are full_attention, sliding_attention")
        }
        return types.map { $0 == "sliding_attention" ? window : nil }
      }
      let first = try fields.integer("max_window_layers", in: 0...1_000_000) ?? 28
      return (0..<layerCount).map { $0 >= first ? window : nil }
    }
  }
}

/// The dimensions and switches of a Mamba-1 decoder, from `config.json`.
///
/// Both spellings are read: that of transformers (`hidden_size`, `state_size`, …), whose defaults these are, and that of the
/// original `state-spaces` checkpoints (`d_model`, `n_layer`, `ssm_cfg`). Keys that say nothing of the model are ignored.
public struct MambaConfiguration: Equatable, Sendable {
  /// Rows of the embedding; in the original spelling rounded up to `pad_vocab_size_multiple`.
  public let vocabularySize: Int
  /// Width of the residual stream, D.
  public let hiddenSize: Int
  /// Channels of convolution, scan and gate, E = ⌊expand · D⌋.
  public let intermediateSize: Int
  /// States of a channel, N.
  public let stateSize: Int
  /// Taps of the convolution, K.
  public let convolutionSize: Int
  /// Width of what the step sizes are projected from, R; ⌈D / 16⌉ unless given.
  public let timeStepRank: Int
  /// Number of decoder blocks.
  public let layerCount: Int
  /// ε of the RMS norms.
  public let normEpsilon: Float
  /// Whether `in_proj` and `out_proj` have biases.
  public let hasProjectionBias: Bool
  /// Whether the convolution has a bias.
  public let hasConvolutionBias: Bool
  /// Whether the output layer is the embedding.
  public let tiesEmbeddings: Bool
  /// The token that begins a text.
  public let beginToken: Int?
  /// The tokens that end a text.
  public let endTokens: [Int]
  /// How a new model begins.
  public let initialization: Initialization

  /// What the weights of a new model are drawn from.
  public struct Initialization: Equatable, Sendable {
    /// The standard deviation of the embedding.
    public let deviation: Double
    /// The range of the first step sizes, Δ, log-uniform, and the least of them.
    public let timeSteps: ClosedRange<Double>
    /// No step size begins below.
    public let timeStepFloor: Double
    /// `dt_proj`'s weights are within ± this over √R.
    public let timeStepScale: Double
    /// Whether they are all at the upper end instead of uniform.
    public let hasConstantTimeStepWeights: Bool
  }

  /// The `model_type`.
  public static let modelType = "mamba"

  /// Whether an object without `model_type` is the configuration of an original checkpoint.
  static func isOriginal(_ object: JSONObject) -> Bool { object["d_model"] != nil && object["n_layer"] != nil }

  init(_ fields: ConfigurationFields) throws(CheckpointError) {
    let isOriginal = fields.value("hidden_size") == nil && Self.isOriginal(fields.object)
    let sizes = isOriginal ? try Sizes(original: fields) : try Sizes(fields)
    layerCount = sizes.layers
    hiddenSize = sizes.hidden
    stateSize = sizes.states
    convolutionSize = sizes.taps
    vocabularySize = sizes.vocabulary
    hasProjectionBias = sizes.hasProjectionBias
    hasConvolutionBias = sizes.hasConvolutionBias
    intermediateSize = Int(sizes.expand * Double(sizes.hidden))
    guard (1...10_000_000).contains(intermediateSize) else {
      let channels = intermediateSize == 0 ? "no channel" : "too many channels"
      throw fields.error("expand", "is \(sizes.expand); of a hidden_size of \(sizes.hidden) it leaves \(channels)")
    }
    timeStepRank = sizes.rank ?? (sizes.hidden + 15) / 16
    if let stated = try fields.integer("intermediate_size", in: 1...10_000_000), stated != intermediateSize {
      throw fields.error(
        "intermediate_size", "is \(stated), but expand · hidden_size is \(intermediateSize); correct one of them")
    }
    // SiLU is what the scan's block is defined with.
    _ = try fields.choice("hidden_act", of: ["silu": true, "swish": true])
    normEpsilon = Float(try fields.number("layer_norm_epsilon", in: 1e-30...1) ?? 1e-5)
    let originalTies = isOriginal ? try fields.flag("tie_embeddings") : nil
    tiesEmbeddings = try fields.flag("tie_word_embeddings") ?? originalTies ?? true
    beginToken = try fields.integer("bos_token_id", in: 0...Int(Int32.max)) ?? 0
    endTokens = try fields.tokens("eos_token_id") ?? [0]
    initialization = try Initialization(fields, isOriginal: isOriginal)
  }

  /// What both spellings say.
  private struct Sizes {
    let vocabulary, hidden, layers, states, taps: Int
    let expand: Double
    let rank: Int?
    let hasProjectionBias, hasConvolutionBias: Bool

    init(_ fields: ConfigurationFields) throws(CheckpointError) {
      vocabulary = try fields.integer("vocab_size", in: MambaConfiguration.vocabularies) ?? 50280
      hidden = try fields.integer("hidden_size", in: MambaConfiguration.widths) ?? 768
      layers = try fields.integer("num_hidden_layers", in: MambaConfiguration.depths) ?? 32
      states = try fields.integer("state_size", in: MambaConfiguration.stateSizes) ?? 16
      taps = try fields.integer("conv_kernel", in: MambaConfiguration.tapCounts) ?? 4
      expand = try fields.number("expand", in: MambaConfiguration.expansions) ?? 2
      rank = try fields.rank("time_step_rank")
      hasProjectionBias = try fields.flag("use_bias") ?? false
      hasConvolutionBias = try fields.flag("use_conv_bias") ?? true
    }

    init(original fields: ConfigurationFields) throws(CheckpointError) {
      let stated = try fields.requiredInteger("vocab_size", in: MambaConfiguration.vocabularies)
      let multiple = try fields.integer("pad_vocab_size_multiple", in: 1...1_000_000) ?? 8
      vocabulary = (stated + multiple - 1) / multiple * multiple
      hidden = try fields.requiredInteger("d_model", in: MambaConfiguration.widths)
      layers = try fields.requiredInteger("n_layer", in: MambaConfiguration.depths)
      if try fields.flag("rms_norm") == false {
        throw fields.error("rms_norm", "is false; Walsh runs Mamba models with RMS norms")
      }
      for key in ["d_intermediate", "attn_layer_idx"] {
        guard let value = fields.value(key) else { continue }
        guard value.intValue == 0 || value.arrayValue?.isEmpty == true else {
          throw fields.error(key, "adds other layers than Mamba's; Walsh runs plain Mamba models")
        }
      }
      let nothing = try fields.nested(.object(JSONObject()), named: "ssm_cfg")
      let scan = try fields.nested("ssm_cfg") ?? nothing
      _ = try scan.choice("layer", of: ["Mamba1": true])
      states = try scan.integer("d_state", in: MambaConfiguration.stateSizes) ?? 16
      taps = try scan.integer("d_conv", in: MambaConfiguration.tapCounts) ?? 4
      expand = try scan.number("expand", in: MambaConfiguration.expansions) ?? 2
      rank = try scan.rank("dt_rank")
      hasProjectionBias = try scan.flag("bias") ?? false
      hasConvolutionBias = try scan.flag("conv_bias") ?? true
    }
  }

  // The bounds are far beyond any published model; they keep products of dimensions inside an Int.
  private static let vocabularies = 1...10_000_000
  private static let widths = 1...1_000_000
  private static let depths = 1...10_000
  private static let stateSizes = 1...256
  private static let tapCounts = 1...64
  private static let expansions = 1e-4...1e3
}

extension MambaConfiguration.Initialization {
  init(_ fields: ConfigurationFields, isOriginal: Bool) throws(CheckpointError) {
    let positive = 1e-9...1e3
    deviation = try fields.number("initializer_range", in: 0...1e3) ?? (isOriginal ? 0.02 : 0.1)
    let least = try fields.number("time_step_min", in: positive) ?? 1e-3
    let most = try fields.number("time_step_max", in: positive) ?? 0.1
    guard least <= most else {
      throw fields.error("time_step_min", "is \(least); it may not exceed time_step_max, which is \(most)")
    }
    timeSteps = least...most
    timeStepFloor = try fields.number("time_step_floor", in: 1e-12...1e3) ?? 1e-4
    timeStepScale = try fields.number("time_step_scale", in: positive) ?? 1
    hasConstantTimeStepWeights =
      try fields.choice("time_step_init_scheme", of: ["random": false, "constant": true]) ?? false
  }
}

extension ConfigurationFields {
  /// A rank, or "auto" and nothing for the rule that follows from other sizes.
  fileprivate func rank(_ key: String) throws(CheckpointError) -> Int? {
    if value(key)?.stringValue == "auto" { return nil }
    return try integer(key, in: 1...1_000_000)
  }
}

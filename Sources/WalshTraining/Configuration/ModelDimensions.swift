import Foundation
import WalshCheckpoints
import WalshModels

/// The sizes of a model to be made.
public struct ModelDimensions: Sendable, Hashable {
  /// What the blocks are.
  public enum Family: String, CaseIterable, Sendable {
    /// Attention and a gated feed-forward network.
    case llama
    /// A gated selective scan, Mamba-1.
    case mamba
  }

  /// What the blocks are.
  public var architecture = Family.llama
  /// The number of blocks.
  public var layers = 4
  /// The width of the residual stream.
  public var width = 256
  /// The most tokens of a vocabulary that is trained with the model.
  public var vocabulary = 512
  /// Whether the output layer is the embedding.
  public var tie = true

  // MARK: Llama

  /// Query heads; nil for heads of about 64 channels.
  public var heads: Int?
  /// Key and value heads; nil for as many as query heads.
  public var keyHeads: Int?
  /// Channels of a head; nil for width / heads.
  public var headSize: Int?
  /// Width of the feed-forward network; nil for 8/3 of the width, rounded up to a multiple of 32.
  public var intermediate: Int?
  /// The base of the rotary frequencies.
  public var ropeTheta = defaultRopeTheta
  private static let defaultRopeTheta = 10_000.0

  // MARK: Mamba

  /// States of a channel; nil for 16.
  public var states: Int?
  /// Channels as a multiple of the width; nil for 2.
  public var expand: Int?
  /// Taps of the convolution; nil for 4.
  public var taps: Int?
  /// The width that step sizes are projected from; nil for a sixteenth of the width, rounded up.
  public var stepRank: Int?

  public init() {}

  /// Refuses sizes that the architecture does not have.
  ///
  /// - Throws: `TrainingError` naming the key.
  func check() throws(TrainingError) {
    let foreign: [(key: String, isGiven: Bool)] =
      switch architecture {
      case .llama:
        [
          ("states", states != nil), ("expand", expand != nil), ("taps", taps != nil), ("step-rank", stepRank != nil),
        ]
      case .mamba:
        [
          ("heads", heads != nil), ("key-heads", keyHeads != nil), ("head-size", headSize != nil),
          ("intermediate", intermediate != nil), ("rope-theta", ropeTheta != Self.defaultRopeTheta),
        ]
      }
    if let key = foreign.first(where: \.isGiven)?.key {
      throw TrainingError(
        key, "a \(architecture.rawValue) has no such size; leave it out or choose another architecture.")
    }
  }

  /// `config.json` of the model.
  ///
  /// - Parameters:
  ///   - vocabularySize: the number of tokens that the tokenizer has.
  ///   - context: the longest text.
  ///   - beginToken: begins a text.
  ///   - endToken: ends a text.
  ///   - folder: where the file will stand, for errors.
  /// - Throws: `TrainingError` for sizes that do not fit together.
  public func configuration(
    vocabularySize: Int, context: Int, beginToken: Int?, endToken: Int?, folder: URL
  ) throws -> ModelConfiguration {
    func token(_ token: Int?) -> JSON { token.map { .number(.init($0)) } ?? .null }
    var json: JSONObject =
      switch architecture {
      case .llama: try llama(context: context)
      case .mamba: mamba
      }
    json["vocab_size"] = .number(.init(vocabularySize))
    json["tie_word_embeddings"] = .bool(tie)
    json["bos_token_id"] = token(beginToken)
    json["eos_token_id"] = token(endToken)
    json["torch_dtype"] = "float32"
    return try ModelConfiguration(json, url: folder.appending(path: "config.json"))
  }

  private func llama(context: Int) throws -> JSONObject {
    let heads = try checkedHeads()
    let keyHeads = keyHeads ?? heads
    guard heads % keyHeads == 0 else {
      throw TrainingError("key-heads \(keyHeads)", "it must divide the number of heads, which is \(heads).")
    }
    let headSize = headSize ?? width / heads
    guard headSize % 2 == 0 else {
      throw TrainingError(
        "head size \(headSize)", "rotary embedding needs an even number; choose another width or number of heads.")
    }
    return [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": .number(.init(width)),
      "intermediate_size": .number(.init(intermediate ?? defaultIntermediate)),
      "num_hidden_layers": .number(.init(layers)), "num_attention_heads": .number(.init(heads)),
      "num_key_value_heads": .number(.init(keyHeads)), "head_dim": .number(.init(headSize)),
      "max_position_embeddings": .number(.init(context)), "rms_norm_eps": 1e-5, "hidden_act": "silu",
      "rope_theta": .number(.init(ropeTheta)), "attention_bias": false, "mlp_bias": false,
    ]
  }

  /// The sizes and the initialisation of `state-spaces/mamba`.
  ///
  /// `rescale_prenorm_residual` is false although `MambaInitialization` rescales: where it is true, transformers divides
  /// `out_proj` once more whenever it loads the model (seen in 5.24).
  private var mamba: JSONObject {
    let expand = expand ?? 2
    return [
      "architectures": ["MambaForCausalLM"], "model_type": "mamba", "hidden_size": .number(.init(width)),
      "num_hidden_layers": .number(.init(layers)), "state_size": .number(.init(states ?? 16)),
      "expand": .number(.init(expand)), "intermediate_size": .number(.init(expand * width)),
      "conv_kernel": .number(.init(taps ?? 4)), "time_step_rank": .number(.init(stepRank ?? (width + 15) / 16)),
      "use_bias": false, "use_conv_bias": true, "hidden_act": "silu", "layer_norm_epsilon": 1e-5,
      "initializer_range": 0.02, "rescale_prenorm_residual": false, "residual_in_fp32": true,
      "time_step_init_scheme": "random", "time_step_min": 0.001, "time_step_max": 0.1, "time_step_floor": 0.0001,
      "time_step_scale": 1.0,
    ]
  }

  private var defaultIntermediate: Int { (8 * width / 3 + 31) / 32 * 32 }

  private func checkedHeads() throws -> Int {
    guard let heads else {
      let wanted = max(1, width / 64)
      let fitting = (1...wanted).last { width % (2 * $0) == 0 }
      guard let fitting else {
        throw TrainingError("width \(width)", "rotary embedding needs heads of an even size; choose an even width.")
      }
      return fitting
    }
    guard headSize != nil || width % heads == 0 else {
      throw TrainingError(
        "heads \(heads)", "they do not divide the width, which is \(width); choose another number or give head-size.")
    }
    return heads
  }
}

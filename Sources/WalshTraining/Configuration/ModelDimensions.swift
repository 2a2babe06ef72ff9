import Foundation
import WalshCheckpoints
import WalshModels

/// The sizes of a Llama-style model to be made.
public struct ModelDimensions: Sendable, Hashable {
  /// The number of blocks.
  public var layers = 4
  /// The width of the residual stream.
  public var width = 256
  /// Query heads; nil for heads of about 64 channels.
  public var heads: Int?
  /// Key and value heads; nil for as many as query heads.
  public var keyHeads: Int?
  /// Channels of a head; nil for width / heads.
  public var headSize: Int?
  /// Width of the feed-forward network; nil for 8/3 of the width, rounded up to a multiple of 32.
  public var intermediate: Int?
  /// The most tokens of a vocabulary that is trained with the model.
  public var vocabulary = 512
  /// Whether the output layer is the embedding.
  public var tie = true
  /// The base of the rotary frequencies.
  public var ropeTheta = 10_000.0

  public init() {}

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
    return try ModelConfiguration(
      [
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": .number(.init(vocabularySize)),
        "hidden_size": .number(.init(width)),
        "intermediate_size": .number(.init(intermediate ?? defaultIntermediate)),
        "num_hidden_layers": .number(.init(layers)), "num_attention_heads": .number(.init(heads)),
        "num_key_value_heads": .number(.init(keyHeads)), "head_dim": .number(.init(headSize)),
        "max_position_embeddings": .number(.init(context)), "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "rope_theta": .number(.init(ropeTheta)), "attention_bias": false, "mlp_bias": false,
        "tie_word_embeddings": .bool(tie), "bos_token_id": beginToken.map { .number(.init($0)) } ?? .null,
        "eos_token_id": endToken.map { .number(.init($0)) } ?? .null, "torch_dtype": "float32",
      ], url: folder.appending(path: "config.json"))
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

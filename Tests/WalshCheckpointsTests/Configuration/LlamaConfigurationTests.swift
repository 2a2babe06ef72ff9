import Foundation
import TestSupport
import Testing

@testable import WalshCheckpoints

@Suite("config.json of the Llama family")
struct LlamaConfigurationTests {
  /// The fields every model has, and those of `changes`; a nil removes one.
  static func configuration(_ changes: KeyValuePairs<String, JSON?>) throws -> ModelConfiguration {
    var json: JSONObject = [
      "model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
      "num_attention_heads": 8,
    ]
    for (key, value) in changes { json[key] = value }
    return try ModelConfiguration(json, url: URL(filePath: "/model/config.json"))
  }

  private func llama(_ changes: KeyValuePairs<String, JSON?> = [:]) throws -> LlamaConfiguration {
    try Self.configuration(changes).llama()
  }

  @Test("Defaults are those of transformers")
  func defaults() throws {
    let llama = try llama()
    #expect(llama.keyValueHeadCount == 8)
    #expect(llama.headSize == 8)
    #expect(llama.maximumPositions == 2048)
    #expect(llama.normEpsilon == 1e-6)
    #expect(llama.activation == .silu)
    #expect(llama.rotary == RotaryConfiguration(theta: 10_000, scaling: .none))
    #expect(llama.attentionWindows == [nil, nil, nil])
    #expect(!llama.hasQueryKeyValueBias && !llama.hasAttentionOutputBias && !llama.hasMLPBias)
    #expect(!llama.hasQueryKeyNorm && !llama.tiesEmbeddings)
    #expect(llama.beginToken == nil && llama.endTokens == [])
  }

  @Test("Each family has its own switches")
  func families() throws {
    let qwen2 = try llama(["model_type": "qwen2"])
    #expect(qwen2.hasQueryKeyValueBias && !qwen2.hasAttentionOutputBias && !qwen2.hasQueryKeyNorm)
    #expect(qwen2.maximumPositions == 32_768)
    let qwen3 = try llama(["model_type": "qwen3"])
    #expect(qwen3.hasQueryKeyNorm && !qwen3.hasQueryKeyValueBias && qwen3.headSize == 128)
    let mistral = try llama(["model_type": "mistral", "attention_bias": true])
    #expect(!mistral.hasQueryKeyValueBias && mistral.attentionWindows == [4096, 4096, 4096])
    #expect(mistral.keyValueHeadCount == 8)
    #expect(try llama(["model_type": "mistral", "sliding_window": .null]).attentionWindows == [nil, nil, nil])
    let biased = try llama(["attention_bias": true, "mlp_bias": true])
    #expect(biased.hasQueryKeyValueBias && biased.hasAttentionOutputBias && biased.hasMLPBias)
  }

  @Test("Qwen's windows follow use_sliding_window, layer_types and max_window_layers")
  func windows() throws {
    let base: KeyValuePairs<String, JSON?> = ["model_type": "qwen2", "sliding_window": 16, "max_window_layers": 1]
    #expect(try llama(base).attentionWindows == [nil, nil, nil])
    let used: KeyValuePairs<String, JSON?> = [
      "model_type": "qwen2", "sliding_window": 16, "max_window_layers": 1, "use_sliding_window": true,
    ]
    #expect(try llama(used).attentionWindows == [nil, 16, 16])
    let types: KeyValuePairs<String, JSON?> = [
      "model_type": "qwen3", "sliding_window": 16, "use_sliding_window": true,
      "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    ]
    #expect(try llama(types).attentionWindows == [16, nil, 16])
  }

  @Test("Both spellings of rotary scaling give the same")
  func rotary() throws {
    let scaling: JSON = [
      "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
      "rope_type": "llama3",
    ]
    let older = try llama(["rope_theta": 500000.0, "rope_scaling": scaling])
    var nested = try #require(scaling.objectValue)
    nested["rope_theta"] = 500000.0
    let newer = try llama(["rope_parameters": .object(nested)])
    #expect(older.rotary == newer.rotary)
    #expect(older.rotary.theta == 500_000)
    #expect(
      older.rotary.scaling
        == .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192))
    #expect(try llama(["rope_scaling": ["type": "linear", "factor": 2.0]]).rotary.scaling == .linear(factor: 2))
    #expect(try llama(["rope_scaling": ["type": "dynamic", "factor": 4]]).rotary.scaling == .dynamic(factor: 4))
    #expect(try llama(["rope_parameters": ["rope_type": "default", "rope_theta": 1e6]]).rotary.theta == 1e6)
  }

  @Test("YaRN's attention factor is 0.1 ln(factor) + 1 unless the file gives it")
  func yarn() throws {
    let scaling: JSON = ["rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768]
    guard case .yarn(let yarn) = try llama(["rope_scaling": scaling]).rotary.scaling else {
      Issue.record("not YaRN")
      return
    }
    #expect(abs(yarn.attentionFactor - 1.138629436) < 1e-9)
    #expect(yarn.betaFast == 32 && yarn.betaSlow == 1 && yarn.originalPositions == 32_768 && yarn.truncates)
  }

  @Test("End tokens are a number or a list")
  func endTokens() throws {
    #expect(try llama(["eos_token_id": 2]).endTokens == [2])
    #expect(try llama(["eos_token_id": [128001, 128009]]).endTokens == [128001, 128009])
    #expect(try llama(["bos_token_id": 1]).beginToken == 1)
  }

  @Test("The dtype is read under both names")
  func dtype() throws {
    #expect(try Self.configuration(["dtype": "bfloat16"]).dtype() == .bfloat16)
    #expect(try Self.configuration(["torch_dtype": "float32"]).dtype() == .float32)
    #expect(try Self.configuration([:]).dtype() == nil)
    #expect(throws: CheckpointError.self) { try Self.configuration(["dtype": "int8"]).dtype() }
  }

  @Test(
    "What cannot be is refused by a sentence that names the field",
    arguments: [
      ("model_type", "gpt_neox", "supported are llama, mistral, qwen2, qwen3"),
      ("model_type", nil, "no model_type"),
      ("model_type", 7, "model_type is a number"),
      ("vocab_size", nil, "vocab_size is missing"),
      ("hidden_size", 0, "hidden_size is 0"),
      ("hidden_size", -64, "hidden_size is -64"),
      ("hidden_size", 64.5, "hidden_size is 64.5"),
      ("hidden_size", "64", "hidden_size is \"64\""),
      ("hidden_size", 9_223_372_036_854_775_807, "hidden_size is 9223372036854775807"),
      ("num_hidden_layers", 0, "num_hidden_layers is 0"),
      ("num_hidden_layers", 1_000_000_000, "num_hidden_layers is 1000000000"),
      ("num_attention_heads", 0, "num_attention_heads is 0"),
      ("num_attention_heads", 7, "must divide hidden_size"),
      ("num_key_value_heads", 3, "must divide num_attention_heads"),
      ("num_key_value_heads", 16, "must divide num_attention_heads"),
      ("head_dim", 7, "need an even number"),
      ("head_dim", -8, "head_dim is -8"),
      ("intermediate_size", [1], "intermediate_size is an array"),
      ("rms_norm_eps", 0, "rms_norm_eps is 0"),
      ("rms_norm_eps", -1e-6, "rms_norm_eps is -1e-06"),
      ("rms_norm_eps", "NaN", "rms_norm_eps is \"NaN\""),
      ("rms_norm_eps", 1e300, "rms_norm_eps is 1e+300"),
      ("hidden_act", "relu", "hidden_act is \"relu\""),
      ("max_position_embeddings", 0, "max_position_embeddings is 0"),
      ("rope_theta", -1.0, "rope_theta is -1.0"),
      ("rope_scaling", "linear", "rope_scaling is a string"),
      ("rope_scaling", ["type": "linear"], "rope_scaling.factor is missing"),
      ("rope_scaling", ["type": "linear", "factor": 0], "rope_scaling.factor is 0"),
      ("rope_scaling", ["rope_type": "longrope"], "rope_scaling.rope_type is \"longrope\""),
      ("rope_parameters", ["rope_theta": "big"], "rope_parameters.rope_theta"),
      (
        "rope_scaling", ["rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4],
        "must be above low_freq_factor"
      ),
      ("rope_parameters", ["rope_type": "default", "partial_rotary_factor": 0.5], "rotates whole heads"),
      ("tie_word_embeddings", "yes", "tie_word_embeddings is \"yes\""),
      ("attention_bias", 1, "attention_bias is 1"),
      ("eos_token_id", "</s>", "eos_token_id must be"),
      ("eos_token_id", [1, -2], "eos_token_id must be"),
      ("bos_token_id", -1, "bos_token_id is -1"),
      ("sliding_window", 0, "sliding_window is 0"),
    ] as [(String, JSON?, String)])
  func impossible(field: String, value: JSON?, cause: String) {
    let error = #expect(throws: CheckpointError.self) { try Self.configuration([field: value]).llama() }
    #expect(error?.cause.contains(cause) == true, "\(error?.description ?? "no error")")
    #expect(error?.subject == "/model/config.json")
  }

  @Test("Layer types that do not fit the layers are refused")
  func layerTypes() {
    for types: JSON in [["full_attention"], ["full_attention", "full_attention", "linear_attention"]] {
      let error = #expect(throws: CheckpointError.self) {
        try Self.configuration(["model_type": "qwen3", "use_sliding_window": true, "layer_types": types]).llama()
      }
      #expect(error?.cause.contains("layer_types") == true)
    }
  }

  @Test("The golden configuration of transformers 5 is read")
  func golden() throws {
    let llama = try ModelConfiguration(reading: Golden.url("source/config.json")).llama()
    #expect(llama.hiddenSize == 64 && llama.layerCount == 1 && llama.tiesEmbeddings && llama.endTokens == [2])
    #expect(llama.keyValueHeadCount == 2 && llama.headSize == 16)
  }
}

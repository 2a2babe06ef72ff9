import Foundation
import Testing

@testable import WalshCheckpoints

@Suite("config.json of Mamba")
struct MambaConfigurationTests {
  private static func mamba(_ json: JSONObject) throws -> MambaConfiguration {
    try ModelConfiguration(json, url: URL(filePath: "/model/config.json")).mamba()
  }

  @Test("Defaults are those of transformers")
  func defaults() throws {
    let mamba = try Self.mamba(["model_type": "mamba"])
    #expect(mamba.vocabularySize == 50280 && mamba.hiddenSize == 768 && mamba.layerCount == 32)
    #expect(mamba.intermediateSize == 1536 && mamba.stateSize == 16 && mamba.convolutionSize == 4)
    #expect(mamba.timeStepRank == 48 && mamba.normEpsilon == 1e-5)
    #expect(!mamba.hasProjectionBias && mamba.hasConvolutionBias && mamba.tiesEmbeddings)
    #expect(mamba.beginToken == 0 && mamba.endTokens == [0])
    let start = mamba.initialization
    #expect(start.deviation == 0.1 && start.timeSteps == 0.001...0.1 && start.timeStepFloor == 1e-4)
    #expect(start.timeStepScale == 1 && !start.hasConstantTimeStepWeights)
  }

  @Test("Every field is read, and keys of other libraries are ignored")
  func fields() throws {
    let mamba = try Self.mamba([
      "model_type": "mamba", "vocab_size": 99, "hidden_size": 40, "expand": 1.5, "intermediate_size": 60,
      "state_size": 7, "conv_kernel": 3, "time_step_rank": 5, "num_hidden_layers": 2, "layer_norm_epsilon": 0.001,
      "use_bias": true, "use_conv_bias": false, "tie_word_embeddings": false, "bos_token_id": 4,
      "eos_token_id": [5, 6],
      "initializer_range": 0.02, "rescale_prenorm_residual": true, "d_inner": 1, "d_model": 1, "n_layer": 1,
      "ssm_cfg": ["d_state": 3], "time_step_init_scheme": "constant",
    ])
    #expect(mamba.vocabularySize == 99 && mamba.hiddenSize == 40 && mamba.intermediateSize == 60)
    #expect(mamba.stateSize == 7 && mamba.convolutionSize == 3 && mamba.timeStepRank == 5 && mamba.layerCount == 2)
    #expect(mamba.normEpsilon == 0.001 && mamba.hasProjectionBias && !mamba.hasConvolutionBias)
    #expect(!mamba.tiesEmbeddings && mamba.beginToken == 4 && mamba.endTokens == [5, 6])
    #expect(mamba.initialization.deviation == 0.02 && mamba.initialization.hasConstantTimeStepWeights)
  }

  @Test("The spelling of the original checkpoints is read without a model_type")
  func original() throws {
    let mamba = try Self.mamba([
      "d_model": 20, "n_layer": 3, "vocab_size": 50277, "ssm_cfg": [:], "rms_norm": true, "residual_in_fp32": true,
      "fused_add_norm": true, "pad_vocab_size_multiple": 8,
    ])
    #expect(mamba.vocabularySize == 50280 && mamba.hiddenSize == 20 && mamba.layerCount == 3)
    #expect(mamba.intermediateSize == 40 && mamba.timeStepRank == 2 && mamba.tiesEmbeddings)
    let other = try Self.mamba([
      "d_model": 20, "n_layer": 3, "vocab_size": 16, "tie_embeddings": false,
      "ssm_cfg": ["d_state": 4, "d_conv": 2, "expand": 3, "dt_rank": 6, "bias": true, "conv_bias": false],
    ])
    #expect(other.stateSize == 4 && other.convolutionSize == 2 && other.intermediateSize == 60)
    #expect(other.timeStepRank == 6 && other.hasProjectionBias && !other.hasConvolutionBias)
    #expect(!other.tiesEmbeddings && other.vocabularySize == 16)
  }

  @Test(
    "What is impossible is one sentence",
    arguments: [
      ("hidden_size", 0, "hidden_size is 0"),
      ("hidden_size", 64.5, "hidden_size is 64.5"),
      ("hidden_size", "64", "hidden_size is \"64\""),
      ("num_hidden_layers", -1, "num_hidden_layers is -1"),
      ("vocab_size", 0, "vocab_size is 0"),
      ("state_size", 0, "state_size is 0"),
      ("state_size", 100_000, "state_size is 100000; it must be a whole number from 1 to 256"),
      ("conv_kernel", 0, "conv_kernel is 0"),
      ("expand", 0, "expand is 0"),
      ("expand", 0.001, "leaves no channel"),
      ("intermediate_size", 100, "intermediate_size is 100, but expand · hidden_size is 128"),
      ("time_step_rank", "all", "time_step_rank is \"all\""),
      ("time_step_rank", 0, "time_step_rank is 0"),
      ("layer_norm_epsilon", -1e-6, "layer_norm_epsilon is -1e-06"),
      ("hidden_act", "gelu", "hidden_act is \"gelu\""),
      ("time_step_min", 0.5, "may not exceed time_step_max"),
      ("time_step_init_scheme", "zero", "time_step_init_scheme is \"zero\""),
      ("eos_token_id", "</s>", "eos_token_id must be"),
      ("use_bias", 1, "use_bias is 1"),
      ("model_type", "mamba2", "supported are llama, mistral, qwen2, qwen3, mamba"),
    ] as [(String, JSON, String)])
  func impossible(field: String, value: JSON, cause: String) {
    var json: JSONObject = ["model_type": "mamba", "hidden_size": 64]
    json[field] = value
    let error = #expect(throws: CheckpointError.self) { try Self.mamba(json) }
    #expect(error?.cause.contains(cause) == true, "\(error?.description ?? "no error")")
  }

  @Test(
    "So is what the original code has beyond Mamba-1",
    arguments: [
      ("ssm_cfg", ["layer": "Mamba2"], "ssm_cfg.layer is \"Mamba2\""),
      ("ssm_cfg", ["d_state": 0], "ssm_cfg.d_state is 0"),
      ("attn_layer_idx", [3], "attn_layer_idx adds other layers"),
      ("d_intermediate", 64, "d_intermediate adds other layers"),
      ("rms_norm", false, "rms_norm is false"),
      ("vocab_size", .null, "vocab_size is missing"),
    ] as [(String, JSON, String)])
  func impossibleOriginal(field: String, value: JSON, cause: String) {
    var json: JSONObject = ["d_model": 64, "n_layer": 2, "vocab_size": 32]
    json[field] = value
    let error = #expect(throws: CheckpointError.self) { try Self.mamba(json) }
    #expect(error?.cause.contains(cause) == true, "\(error?.description ?? "no error")")
  }
}

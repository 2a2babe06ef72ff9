import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshModels

@testable import WalshEvaluation

/// The figures of transformers in Float32 on the first hundred stories, from the READMEs beside the models.
@Suite("Reference figures", .enabled(if: TestFiles.shared("babyllama/tok361/hf/model.safetensors") != nil))
struct ReferenceFigureTests {
  /// A model folder, and everything that evaluation needs of it.
  private struct Loaded {
    let checkpoint: Checkpoint
    let architecture: Architecture
    let model: LanguageModel
    let encoding: TokenEncoding

    init(_ path: String) throws {
      let folder = try #require(TestFiles.shared(path))
      checkpoint = try Checkpoint(folder: folder)
      architecture = try Architecture(checkpoint.configuration())
      model = try LanguageModel(
        architecture, weights: CheckpointWeights(checkpoint, architecture: architecture, quantization: nil))
      func json(_ name: String) throws -> JSON {
        try JSON(parsing: [UInt8](Data(contentsOf: folder.appending(path: name))))
      }
      encoding = TokenEncoding(
        try Tokenizer(tokenizerJSON: json("tokenizer.json"), configuration: json("tokenizer_config.json")))
    }
  }

  private func stories(_ count: Int) throws -> EvaluationText {
    try EvaluationText(contentsOf: #require(TestFiles.shared("tinystories/stories-1000.json"))).prefix(count)
  }

  @Test(
    "The loss and the number of tokens are those of transformers",
    arguments: [("babyllama/tok361/hf", 25500, 0.70060), ("stories260k/hf", 25367, 1.59905)])
  func loss(path: String, tokens: Int, reference: Double) throws {
    let loaded = try Loaded(path)
    let windows = try ScoringProtocol.documents(context: 256).windows(of: stories(100), encoding: loaded.encoding)
    let result = try loaded.model.loss(on: windows)
    #expect(result.tokens == tokens)
    #expect(abs(result.loss - reference) < 1e-4, "\(result.loss)")
  }

  @Test("A model does not differ from itself, read twice")
  func identical() throws {
    let loaded = try Loaded("stories260k/hf")
    let windows = try ScoringProtocol.documents(context: 128).windows(of: stories(4), encoding: loaded.encoding)
    let comparison = try Comparison(
      base: NamedModel("once", loaded.model), candidates: [NamedModel("twice", try Loaded("stories260k/hf").model)],
      on: windows)
    #expect(comparison.rows[1].divergence?.kl.value == 0)
    #expect(comparison.rows[1].divergence?.top1Agreement.value == 1)
  }

  @Test("The size of a plain Float32 folder is 32 bits a weight and all parameters of its README")
  func size() throws {
    let loaded = try Loaded("babyllama/tok361/hf")
    let size = ModelSize(of: loaded.checkpoint, outline: loaded.architecture.outline)
    #expect(size.bitsPerWeight == 32)
    #expect(size.parameters == 969_216)
    #expect(size.bitsPerParameter == 32)
    #expect(size.folderBytes == 3_890_725)
  }

  @Test("Speed is measured on the tokens asked for")
  func speed() throws {
    let loaded = try Loaded("stories260k/hf")
    let speed = loaded.model.decodeSpeed(
      prompt: try loaded.encoding.tokens(of: "Once upon a time"), tokens: 8, repeats: 1)
    #expect(speed.tokens == 8)
    #expect(speed.promptTokens > 2)
    #expect(speed.tokensPerSecond > 0 && speed.tokensPerSecond.isFinite)
    #expect(speed.promptTokensPerSecond > 0)
  }
}

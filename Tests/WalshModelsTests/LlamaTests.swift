import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshTensor

@testable import WalshModels

/// A tiny model that transformers initialised at random, with what transformers computes from it.
struct GoldenModel: CustomTestStringConvertible {
  let name: String
  let tokens: [Int]
  let greedy: [Int]
  let logits: Tensor
  let model: LanguageModel

  static let names = [
    "llama", "llama-tied", "llama-sharded", "llama-biases", "llama-rope-llama3", "llama-rope-linear",
    "llama-rope-dynamic", "llama-rope-yarn", "llama-smollm", "mistral-window", "qwen2", "qwen2-window", "qwen3",
  ]

  init(_ name: String) throws {
    self.name = name
    let folder = TestFiles.golden("models/\(name)")
    let expected = try JSON(parsing: [UInt8](Data(contentsOf: folder.appending(path: "expected.json"))))
    tokens = try #require(expected["tokens"]?.arrayValue).compactMap(\.intValue)
    greedy = try #require(expected["greedy"]?.arrayValue).compactMap(\.intValue)
    logits = try Checkpoint(file: folder.appending(path: "expected.safetensors")).tensor("logits").tensor()
    model = try LanguageModel(Checkpoint(folder: folder))
  }

  var testDescription: String { name }
}

@Suite("The Llama family against transformers")
struct LlamaTests {
  @Test("Logits equal those of transformers to 1e-5 relative", arguments: GoldenModel.names)
  func logits(_ name: String) throws {
    let golden = try GoldenModel(name)
    #expect(relativeError(golden.model.logits(for: golden.tokens), golden.logits) < 1e-5)
  }

  @Test("Token by token gives the logits of the whole text", arguments: GoldenModel.names)
  func cached(_ name: String) throws {
    // With dynamic scaling the angles of cached keys depend on the length at which they were cached.
    if name == "llama-rope-dynamic" { return }
    let golden = try GoldenModel(name)
    let state = golden.model.makeState()
    for (position, token) in golden.tokens.enumerated() {
      let next = golden.model.nextLogits(after: [token], state: state)
      #expect(relativeError(next, golden.logits.row(position)) < 1e-5)
    }
    #expect(state.blocks.allSatisfy { $0.tokenCount == golden.tokens.count })
  }

  @Test("Greedy generation continues as transformers does", arguments: GoldenModel.names)
  func greedy(_ name: String) throws {
    let golden = try GoldenModel(name)
    let generated = TokenGenerator(
      model: golden.model, prompt: golden.tokens, sampler: Sampler(), endTokens: [], limit: golden.greedy.count)
    #expect(Array(generated) == golden.greedy)
  }

  @Test("Logits are the same bits with one and two threads")
  func threads() throws {
    let golden = try GoldenModel("qwen3")
    let before = Parallel.workerCount
    defer { Parallel.workerCount = before }
    Parallel.workerCount = 1
    let one = golden.model.logits(for: golden.tokens)
    Parallel.workerCount = 2
    #expect(golden.model.logits(for: golden.tokens) == one)
  }

  @Test("Every layer of a block belongs to exactly one group")
  func groupsCoverLayers() throws {
    let golden = try GoldenModel("qwen2")
    let outline = golden.model.architecture.outline
    let grouped = outline.blocks.flatMap(\.groups).flatMap(\.layers)
    let matrices = golden.model.architecture.parameters.filter { $0.shape.count == 2 && $0.name.contains("layers.") }
    #expect(grouped.sorted() == matrices.map { String($0.name.dropLast(".weight".count)) }.sorted())
    #expect(Set(outline.blocks.flatMap(\.groups).map(\.id)).count == 4 * outline.blocks.count)
  }
}

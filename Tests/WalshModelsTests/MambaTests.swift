import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshTensor

@testable import WalshModels

@Suite("Mamba against transformers")
struct MambaTests {
  static let names = ["mamba", "mamba-tied", "mamba-biases", "mamba-odd", "mamba-original"]

  @Test("Logits equal those of transformers to 1e-5 relative", arguments: names)
  func logits(_ name: String) throws {
    let golden = try GoldenModel(name)
    #expect(relativeError(golden.model.logits(for: golden.tokens), golden.logits) < 1e-5)
  }

  @Test("A prompt of any length, then token by token, gives the logits of the whole text", arguments: names)
  func cached(_ name: String) throws {
    let golden = try GoldenModel(name)
    let count = golden.tokens.count
    for prompt in [1, 2, 3, 4, 5, count - 1] {
      let state = golden.model.makeState()
      var next = golden.model.nextLogits(after: Array(golden.tokens[..<prompt]), state: state)
      for position in prompt..<count {
        #expect(relativeError(next, golden.logits.row(position - 1)) < 1e-5, "a prompt of \(prompt), \(position)")
        next = golden.model.nextLogits(after: [golden.tokens[position]], state: state)
      }
      #expect(relativeError(next, golden.logits.row(count - 1)) < 1e-5)
      #expect(state.blocks.allSatisfy { $0.tokenCount == count })
    }
  }

  @Test("Greedy generation continues as transformers does", arguments: names)
  func greedy(_ name: String) throws {
    let golden = try GoldenModel(name)
    let generated = TokenGenerator(
      model: golden.model, prompt: golden.tokens, sampler: Sampler(), endTokens: [], limit: golden.greedy.count)
    #expect(Array(generated) == golden.greedy)
  }

  @Test("A block gives each of several texts what it gives it alone, and a fresh state changes no bit")
  func texts() throws {
    let golden = try GoldenModel("mamba-biases")
    let folder = TestFiles.golden("models/mamba-biases")
    let weights = CheckpointWeights(
      try Checkpoint(folder: folder), architecture: golden.model.architecture, quantization: nil)
    let block = try golden.model.architecture.block(0, from: weights)
    let x = Tensor.normal([3, 9, 32], from: RandomStream(seed: 1, purpose: "hidden"))
    let together = block(x)
    for i in 0..<3 {
      let alone = block(x.row(i))
      // A product of more rows may be summed in another order.
      #expect(relativeError(together.row(i), alone) < 1e-6)
      #expect(block(x.row(i), state: block.makeState(), observer: nil) == alone)
    }
  }

  @Test("Memory does not grow with the text")
  func constant() throws {
    let golden = try GoldenModel("mamba")
    let state = golden.model.makeState()
    // Three rows of 64 channels for the convolution, 8 states of 64 channels for the scan, in two blocks.
    let bytes = 2 * 4 * (3 * 64 + 8 * 64)
    #expect(state.byteCount == bytes)

    _ = golden.model.nextLogits(after: [1, 2, 3], state: state)
    _ = golden.model.nextLogits(after: (0..<5000).map { $0 % 64 }, state: state)
    #expect(state.byteCount == bytes)
    #expect(state.blocks.allSatisfy { $0.tokenCount == 5003 })
  }

  @Test("Logits are the same bits with one and two threads")
  func threads() throws {
    let golden = try GoldenModel("mamba-odd")
    let before = Parallel.workerCount
    defer { Parallel.workerCount = before }
    Parallel.workerCount = 1
    let one = golden.model.logits(for: golden.tokens)
    Parallel.workerCount = 2
    #expect(golden.model.logits(for: golden.tokens) == one)
  }

  @Test("Every linear layer of a block belongs to exactly one group")
  func groupsCoverLayers() throws {
    let architecture = try GoldenModel("mamba-odd").model.architecture
    let outline = architecture.outline
    let grouped = outline.blocks.flatMap(\.groups).flatMap(\.layers)
    let layers = architecture.parameters.map(\.name).filter { $0.hasSuffix("_proj.weight") }
    #expect(grouped.sorted() == layers.map { String($0.dropLast(".weight".count)) }.sorted())
    #expect(outline.blocks[0].groups.map(\.role) == ["mixer.input", "mixer.scan", "mixer.step", "mixer.output"])
    #expect(outline.blocks.allSatisfy { $0.attention == nil && $0.residualWriters.count == 1 })
    let shapes = Dictionary(uniqueKeysWithValues: architecture.parameters.map { ($0.name, $0.shape) })
    for group in outline.blocks.flatMap(\.groups) {
      for layer in group.layers { #expect(shapes[layer + ".weight"]?.last == group.width) }
    }
  }

  @Test(
    "A tensor that is missing or of another shape is one sentence",
    arguments: [
      ("A_log", nil, "the tensor backbone.layers.0.mixer.A_log is missing"),
      ("A_log", [64, 16], "has the shape [64, 16], but config.json makes it [64, 8]"),
      ("conv1d.weight", [64, 1, 2], "has the shape [64, 1, 2], but config.json makes it [64, 1, 4]"),
      ("x_proj.weight", [18, 32], "but config.json makes it [18, 64]"),
      ("D", [1], "but config.json makes it [64]"),
    ] as [(String, [Int]?, String)])
  func damaged(tensor: String, shape: [Int]?, cause: String) throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = TestFiles.golden("models/mamba")
    try FileManager.default.copyItem(
      at: source.appending(path: "config.json"), to: folder.appending(path: "config.json"))
    let checkpoint = try Checkpoint(folder: source)
    let tensors = try checkpoint.names.compactMap { name -> StoredTensor? in
      guard name == "backbone.layers.0.mixer." + tensor else { return try checkpoint.tensor(name) }
      return shape.map { StoredTensor(name: name, .zeros($0)) }
    }
    let writer = try SafeTensorsWriter(folder.appending(path: "model.safetensors"), tensors: tensors.map(\.layout))
    for tensor in tensors { try writer.write(tensor) }
    try writer.finish()
    let error = #expect(throws: CheckpointError.self) { try LanguageModel(Checkpoint(folder: folder)) }
    #expect(error?.cause.contains(cause) == true, "\(error?.description ?? "no error")")
  }
}

@Suite("Gradients of Mamba")
struct MambaGradientTests {
  @Test("Every parameter's gradient equals torch's to 1e-4 relative", arguments: ["mamba", "mamba-biases"])
  func oracle(name: String) throws {
    let model = try TrackedModel(name)
    let expected = try Checkpoint(file: TestFiles.golden("models/\(name)/gradients.safetensors"))
    #expect(relativeError(try model.loss(), try expected.tensor("loss").tensor()) < 1e-6)
    let gradients = try model.gradients()
    #expect(gradients.count == model.architecture.parameters.count)
    for (parameter, gradient) in gradients {
      #expect(relativeError(gradient, try expected.tensor(parameter).tensor()) < 1e-4, "\(parameter)")
    }
  }

  @Test("Checkpointing every block changes no bit of loss or gradients")
  func checkpointing() throws {
    let model = try TrackedModel("mamba")
    let blocks = try model.architecture.outline.blocks.indices.map {
      try model.architecture.block($0, from: model.weights)
    }
    let embedded = try model.architecture.embedding(from: model.weights).gatheringRows(model.tokens.dropLast())
    let hidden = blocks.reduce(embedded) { x, block in x.checkpointed { block($0) } }
    let loss = try model.architecture.ends(from: model.weights).logits(hidden)
      .crossEntropy(of: Array(model.tokens.dropFirst()))
    #expect(loss == (try model.loss()))
    let expected = try model.gradients()
    for (parameter, gradient) in zip(model.names, loss.gradients(of: model.variables)) {
      #expect(gradient == expected[parameter], "\(parameter)")
    }
  }
}

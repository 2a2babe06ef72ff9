import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshTensor
import WalshTransforms

@testable import WalshModels

/// The parameters of a model folder as variables, each name one variable however often it is read.
struct TrackedWeights: WeightSource {
  var tensors: [String: Tensor] = [:]
  var stage = InputStage()
  var keys = KeyStage()

  init(_ architecture: Architecture, _ checkpoint: Checkpoint) throws {
    for (name, _) in architecture.parameters { tensors[name] = try checkpoint.tensor(name).tensor().tracked() }
  }

  func tensor(_ name: String) throws -> Tensor { try #require(tensors[name], "\(name)") }
  func linear(_ path: String) throws -> Linear {
    Linear(.dense(try tensor(path + ".weight")), bias: tensors[path + ".bias"])
  }
  func inputStage(of group: LinearGroup) -> InputStage { stage }
  func keyStage(of site: ModelOutline.AttentionSite) -> KeyStage { keys }
}

/// A golden model whose loss can be differentiated by its parameters.
struct TrackedModel {
  let architecture: Architecture
  let tokens: [Int]
  var weights: TrackedWeights

  init(_ name: String) throws {
    let golden = try GoldenModel(name)
    architecture = golden.model.architecture
    tokens = golden.tokens
    weights = try TrackedWeights(architecture, Checkpoint(folder: TestFiles.golden("models/\(name)")))
  }

  var names: [String] { weights.tensors.keys.sorted() }
  var variables: [Tensor] { names.compactMap { weights.tensors[$0] } }
  private var targets: [Int] { Array(tokens.dropFirst()) }

  /// The logits of all tokens but the last.
  func logits() throws -> Tensor {
    try LanguageModel(architecture, weights: weights).logits(for: tokens.dropLast())
  }

  func loss() throws -> Tensor { try logits().crossEntropy(of: targets) }

  /// The loss in Float64, of logits in Float32.
  func preciseLoss() throws -> Double {
    let losses = try logits().negativeLogLikelihood(of: targets)
    return losses.reduce(0, +) / Double(losses.count)
  }

  func gradients() throws -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: zip(names, try loss().gradients(of: variables)))
  }
}

@Suite("Gradients of the Llama family")
struct LlamaGradientTests {
  @Test("Every parameter's gradient equals torch's to 1e-4 relative", arguments: ["llama", "qwen3", "qwen2-window"])
  func oracle(name: String) throws {
    let model = try TrackedModel(name)
    let expected = try Checkpoint(file: TestFiles.golden("models/\(name)/gradients.safetensors"))
    let loss = try expected.tensor("loss").tensor()
    #expect(relativeError(try model.loss(), loss) < 1e-6)
    let gradients = try model.gradients()
    #expect(gradients.count == model.architecture.parameters.count)
    for (parameter, gradient) in gradients {
      let reference = try expected.tensor(parameter).tensor()
      #expect(relativeError(gradient, reference) < 1e-4, "\(parameter)")
    }
  }

  @Test(
    "The largest entry of every parameter's gradient agrees with central differences",
    arguments: ["llama-biases", "mistral-window", "llama-rope-yarn"])
  func differences(name: String) throws {
    let model = try TrackedModel(name)
    for (parameter, gradient) in try model.gradients() {
      let values = try model.weights.tensor(parameter).values
      let i = gradient.map { abs($0) }.reshaped(to: [1, gradient.count]).argMax[0]
      func slope(_ step: Float) throws -> Double {
        let losses = try [step, -step].map { step in
          var moved = model
          var entries = values
          entries[i] += step
          moved.weights.tensors[parameter] = Tensor(entries, shape: gradient.shape)
          return try moved.preciseLoss()
        }
        return (losses[0] - losses[1]) / Double(2 * step)
      }
      let expected = try (4 * slope(1 / 64) - slope(1 / 32)) / 3
      let found = Double(gradient.values[i])
      #expect(abs(found - expected) < 1e-2 * abs(expected), "\(parameter): \(found) and \(expected)")
    }
  }

  @Test("Checkpointing every block changes no bit of loss or gradients", arguments: ["llama", "qwen3"])
  func checkpointing(name: String) throws {
    let model = try TrackedModel(name)
    let blocks = try model.architecture.outline.blocks.indices.map {
      try model.architecture.block($0, from: model.weights)
    }
    let embedded = try model.architecture.embedding(from: model.weights).gatheringRows(model.tokens.dropLast())
    let hidden = blocks.reduce(embedded) { x, block in x.checkpointed { block($0) } }
    let logits = try model.architecture.ends(from: model.weights).logits(hidden)
    let loss = logits.crossEntropy(of: Array(model.tokens.dropFirst()))
    #expect(loss == (try model.loss()))
    let expected = try model.gradients()
    for (parameter, gradient) in zip(model.names, loss.gradients(of: model.variables)) {
      #expect(gradient == expected[parameter], "\(parameter)")
    }
  }

  @Test("A rotation of queries and keys changes no gradient")
  func rotatedKeys() throws {
    var model = try TrackedModel("llama")
    let expected = try model.gradients()
    let rotation = try HadamardTransform(order: 8)
    model.weights.keys.queryTransform = rotation
    model.weights.keys.keyTransform = rotation
    for (parameter, gradient) in try model.gradients() {
      #expect(relativeError(gradient, try #require(expected[parameter])) < 1e-4, "\(parameter)")
    }
  }

  @Test("Through quantized activations and a quantized cache, gradients keep their direction")
  func quantized() throws {
    var model = try TrackedModel("llama")
    let expected = try model.gradients()
    model.weights.stage.activation = ActivationQuantizer(format: .mxfp8)
    model.weights.keys.cacheFormat = .int(8, group: 8, symmetric: false)
    for (parameter, gradient) in try model.gradients() {
      let plain = try #require(expected[parameter])
      let cosine = (gradient * plain).sum / (gradient.sumOfSquares * plain.sumOfSquares).squareRoot()
      #expect(cosine > 0.9 && cosine < 1, "\(parameter): \(cosine)")
    }
  }

  @Test("A block without a state gives the bits of one with a fresh state, cached in 4 bits or not")
  func freshState() throws {
    let model = try TrackedModel("llama")
    for format in [nil, NumericFormat.int(4, group: 8, symmetric: false)] {
      var weights = model.weights
      weights.tensors = weights.tensors.mapValues { $0.detached() }
      weights.keys.cacheFormat = format
      let block = try model.architecture.block(0, from: weights)
      let x = Tensor.normal([9, 32], from: RandomStream(seed: 1, purpose: "hidden"))
      #expect(block(x) == block(x, state: block.makeState(), observer: nil))
    }
  }

  @Test("A cache refuses what is tracked")
  func cache() async {
    await #expect(processExitsWith: .failure) {
      let model = try TrackedModel("llama")
      let block = try model.architecture.block(0, from: model.weights)
      _ = block(Tensor.zeros([2, 32]), state: block.makeState(), observer: nil)
    }
  }
}

import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshTensor
import WalshTransforms

@testable import WalshModels

/// The parameters of a golden model, its linear layers in a format.
private struct PackedWeights: WeightSource {
  let checkpoint: Checkpoint
  var format: NumericFormat?
  var stage = InputStage()
  var keys = KeyStage()

  func tensor(_ name: String) throws -> Tensor { try checkpoint.tensor(name).tensor() }

  func linear(_ path: String) throws -> Linear {
    let weight = try tensor(path + ".weight")
    let bias = checkpoint.contains(path + ".bias") ? try tensor(path + ".bias") : nil
    guard let format else { return Linear(.dense(weight), bias: bias) }
    let packed = Quantizer(format: format).pack(weight)
    return Linear(InterleavedMatrix(packed).map(Linear.Weight.interleaved) ?? .packed(packed), bias: bias)
  }

  func inputStage(of group: LinearGroup) throws -> InputStage {
    var own = stage
    // Only the widest layer is transformed, as in a rotated model.
    if group.role != "mlp.output" || group.width % 16 != 0 { own.transform = nil }
    return own
  }

  func keyStage(of site: ModelOutline.AttentionSite) -> KeyStage { keys }
}

@Suite("Decoding in a workspace")
struct DecodingTests {
  /// Logits token by token, through the workspace and through the blocks on tensors.
  private func bothWays(_ name: String, _ change: (inout PackedWeights) throws -> Void) throws -> (Tensor, Tensor) {
    let golden = try GoldenModel(name)
    let architecture = golden.model.architecture
    var weights = PackedWeights(checkpoint: try Checkpoint(folder: TestFiles.golden("models/\(name)")))
    try change(&weights)
    let model = try LanguageModel(architecture, weights: weights)
    let blocks = try architecture.outline.blocks.indices.map { try architecture.block($0, from: weights) }
    let embedding = try architecture.embedding(from: weights)
    let ends = try architecture.ends(from: weights)
    let state = model.makeState()
    let memories = blocks.map { $0.makeState() }
    var inWorkspace: [Tensor] = []
    var onTensors: [Tensor] = []
    for token in golden.tokens {
      inWorkspace.append(model.nextLogits(after: token, state: state))
      var x = embedding.gatheringRows([token])
      for (block, memory) in zip(blocks, memories) { x = block(x, state: memory, observer: nil) }
      onTensors.append(ends.logits(x).row(0))
    }
    return (Tensor.stackingRows(inWorkspace), Tensor.stackingRows(onTensors))
  }

  static let formats: [NumericFormat?] = [nil, .mxfp4, .nvfp4, .int(4, group: 32), .int(8, group: 32)]

  @Test("The bits are those of blocks on tensors", arguments: GoldenModel.names, formats)
  func bits(name: String, format: NumericFormat?) throws {
    if name == "llama-rope-dynamic" { return }
    for precision in [ActivationPrecision.float32, .int8] {
      let (a, b) = try bothWays(name) {
        $0.format = format
        $0.stage.precision = precision
      }
      #expect(a == b, "\(precision)")
    }
  }

  @Test("Online transforms, quantized activations and quantized caches change that in nothing", arguments: formats)
  func stages(format: NumericFormat?) throws {
    for name in ["llama", "qwen3"] {
      for cache in [nil, NumericFormat.int(4, group: 8, symmetric: false)] {
        for activation in [nil, NumericFormat.mxfp4, .intPerRow(8)] {
          let (a, b) = try bothWays(name) { weights in
            weights.format = format
            weights.keys = KeyStage(transform: try HadamardTransform(order: 8), cacheFormat: cache)
            let width = try #require(
              try GoldenModel(name).model.architecture.outline.blocks.first?.groups.last?.width)
            weights.stage.transform = BlockDiagonalTransform(
              block: try HadamardTransform(order: 16), count: width / 16)
            weights.stage.activation = activation.map { ActivationQuantizer(format: $0) }
          }
          #expect(
            a == b, "\(name), cache \(String(describing: cache)), activations \(String(describing: activation))")
        }
      }
    }
  }

  @Test("Logits that are kept are not overwritten by the next token")
  func kept() throws {
    let golden = try GoldenModel("llama")
    let state = golden.model.makeState()
    let first = golden.model.nextLogits(after: golden.tokens[0], state: state)
    let values = first.values
    let second = golden.model.nextLogits(after: golden.tokens[1], state: state)
    #expect(first.values == values && second.values != values)
  }
}

import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// The toy of the specification's section 6: a 256→512→256 SwiGLU network with Gaussian weights whose inputs have 6 of 256
/// channels 25 times as large, W4A4; the ordering of the variants is what its table promises.
@Suite("FlatQuant's toy anchor")
struct FlatQuantToyTests {
  /// The network as the second half of a block whose attention adds nothing.
  private static func block(samples: Int) throws -> TestBlock {
    let configuration = try ModelConfiguration(
      [
        "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 8, "num_hidden_layers": 1, "vocab_size": 8, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "hidden_act": "silu", "tie_word_embeddings": true,
      ], url: URL(filePath: "config.json"))
    let architecture = try Architecture(configuration)
    var tensors: [String: Tensor] = [:]
    for (name, shape) in architecture.parameters where name.hasPrefix("model.layers.0.") {
      tensors[name] =
        name.hasSuffix("norm.weight")
        ? Tensor(shape: shape, repeating: 1)
        : name.contains("o_proj") ? .zeros(shape) : normal(shape, name) * (1 / Float(shape[1]).squareRoot())
    }
    let outliers = [3, 50, 101, 148, 200, 251]
    let inputs = (0..<samples).map { sample in
      normal([64, 256], "toy/\(sample)").scalingColumns(
        by: Tensor((0..<256).map { outliers.contains($0) ? 25 : 1 }))
    }
    return TestBlock(architecture, tensors: tensors, inputs: inputs)
  }

  private static let exceptions = ["q_proj", "k_proj", "v_proj", "o_proj"]
  private static let preset = Preset(name: "W4A4", weights: .intPerRow(4), activations: .intPerRow(4))

  private func error(_ block: TestBlock, _ change: (inout FlatQuantSettings) -> Void) throws -> Double {
    var settings = FlatQuantSettings()
    settings.epochs = 10
    change(&settings)
    return try block.error(
      of: FlatQuantMethod(settings, seed: 1).plan(
        for: block.architecture.outline, preset: Self.preset, exceptions: try LayerSelection(Self.exceptions)))
  }

  @Test("Transforms, scales and clipping each help, all three most; scales or a Hadamard matrix alone lie between")
  func ordering() throws {
    let block = try Self.block(samples: 16)
    var plain = Plan.uniform(
      method: "rtn", block.architecture.outline, preset: Self.preset, solver: .roundToNearest(.minMax),
      try LayerSelection(Self.exceptions))
    let rtn = try block.error(of: plain)
    for group in block.architecture.outline.blocks[0].groups.suffix(2) {
      plain.groups[group.id]?.transform = .fixed(try HadamardTransform(order: group.width))
    }
    let hadamard = try block.error(of: plain)
    let scales = try error(block) {
      $0.epochs = 0
      $0.learnsTransforms = false
      $0.learnsClipping = false
    }
    let transforms = try error(block) {
      $0.learnsScales = false
      $0.learnsClipping = false
    }
    let clipped = try error(block) { $0.learnsScales = false }
    let scaled = try error(block) { $0.learnsClipping = false }
    let all = try error(block) { _ in }
    // The table: 0.279, 0.193, 0.093; 0.069, 0.051, 0.036, 0.027.
    #expect(rtn > scales && scales > hadamard && hadamard > transforms, "\(rtn) \(scales) \(hadamard) \(transforms)")
    #expect(transforms > clipped && transforms > scaled, "\(transforms) \(clipped) \(scaled)")
    #expect(clipped > all && scaled > all, "\(clipped) \(scaled) \(all)")
    #expect(all < 0.15 * rtn)
  }
}

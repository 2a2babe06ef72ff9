import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshTensor

@testable import WalshModels

/// The first mixer of state-spaces/mamba-130m with its activations for one sentence, without the projections at its ends.
///
/// The block is run whole: its input projection is the identity on what the trace has behind the real one, and its norm
/// divides by a root that a large ε makes the same for all tokens, to 1e-8.
private struct RealLayer: WeightSource {
  let weights: Checkpoint
  let trace: Checkpoint
  let architecture: Architecture

  static let folder = TestFiles.shared("mamba-130m-layer0")
  private static let width = 3072
  /// What the trace is divided by on the way in: its square is far below ε = 1.
  private static let scale: Float = 8192

  init() throws {
    let folder = try #require(Self.folder)
    weights = try Checkpoint(file: folder.appending(path: "weights.safetensors"))
    trace = try Checkpoint(file: folder.appending(path: "trace.safetensors"))
    architecture = try Architecture(
      ModelConfiguration(
        [
          "model_type": "mamba", "hidden_size": .number(JSONNumber(Self.width)), "expand": 0.5, "time_step_rank": 48,
          "num_hidden_layers": 1, "vocab_size": 1, "layer_norm_epsilon": 1,
        ], url: folder))
  }

  func tensor(_ name: String) throws -> Tensor {
    if name.hasSuffix("norm.weight") { return Tensor(shape: [Self.width], repeating: Self.scale) }
    if name.hasSuffix("in_proj.weight") { return .identity(Self.width) }
    if name.hasSuffix("out_proj.weight") { return .zeros([Self.width, Self.width / 2]) }
    return try weights.tensor(name).tensor()
  }

  func linear(_ path: String) throws -> Linear {
    Linear(.dense(try tensor(path + ".weight")), bias: try weights[path + ".bias"]?.tensor())
  }

  func inputStage(of group: LinearGroup) -> InputStage { InputStage() }
  func keyStage(of site: ModelOutline.AttentionSite) -> KeyStage { KeyStage() }

  /// The activation of every group by role, whole or token by token.
  func activations(tokenByToken: Bool) throws -> [String: Tensor] {
    let block = try architecture.block(0, from: self)
    let x = try trace.tensor("in_proj_out").tensor() * (1 / Self.scale)
    var parts: [String: [Tensor]] = [:]
    func observe(_ group: LinearGroup, _ activation: Tensor) -> Bool {
      parts[group.role, default: []].append(activation)
      return true
    }
    let state = block.makeState()
    if tokenByToken {
      for t in 0..<x.rowCount { _ = block(x.rows(t..<t + 1), state: state, observer: observe) }
    } else {
      _ = block(x, state: nil, observer: observe)
    }
    return parts.mapValues { Tensor.stackingRows($0) }
  }
}

@Suite("The first layer of mamba-130m", .enabled(if: RealLayer.folder != nil, "The shared data is not here."))
struct MambaLayerTests {
  @Test("Convolution, selection, scan and gate are those of the trace", arguments: [false, true])
  func trace(tokenByToken: Bool) throws {
    let layer = try RealLayer()
    let found = try layer.activations(tokenByToken: tokenByToken)
    func difference(_ role: String, _ name: String, columns: Range<Int>? = nil) throws -> Float {
      var expected = try layer.trace.tensor(name).tensor()
      if let columns { expected = expected.columns(columns) }
      return (try #require(found[role]) - expected).maxMagnitude
    }
    print(
      "DIFF", try difference("mixer.scan", "conv_out"), try difference("mixer.step", "x_proj_out", columns: 0..<48),
      try difference("mixer.output", "gated"))
  }
}

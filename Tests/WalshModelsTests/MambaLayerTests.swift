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
  /// The largest differences that the README of the data found in Float64, between its values in Float32 and these.
  private static let stated: KeyValuePairs<String, Float> = [
    "conv_out": 5e-7, "x_proj_out": 4e-6, "dt": 2e-6, "scan_out_plus_D": 1.3e-4, "gated": 1.1e-4,
  ]

  @Test(
    "Each stage computes from the trace what the trace has, within twice what Float64 found: Float32 rounds as well")
  func stages() throws {
    let layer = try RealLayer()
    func trace(_ name: String) throws -> Tensor { try layer.trace.tensor(name).tensor() }
    func weight(_ name: String) throws -> Tensor { try layer.tensor("backbone.layers.0.mixer." + name) }
    let (input, v, selected) = (try trace("in_proj_out"), try trace("conv_out"), try trace("x_proj_out"))
    let taps = try weight("conv1d.weight").reshaped(to: [1536, 4]).transposed()
    let scan = SelectiveScan(decay: -(try weight("A_log").exp().transposed()), skip: try weight("D"))
    let found = [
      "conv_out": input.columns(0..<1536).causalConvolution(weight: taps, bias: try weight("conv1d.bias")).silu(),
      "x_proj_out": try layer.linear("backbone.layers.0.mixer.x_proj")(v),
      "dt": try layer.linear("backbone.layers.0.mixer.dt_proj")(selected.columns(0..<48)).softplus(),
      "scan_out_plus_D": scan(v, steps: try trace("dt"), b: try trace("B"), c: try trace("C")),
      "gated": input.columns(1536..<3072).siluGating(try trace("scan_out_plus_D")),
    ]
    for (name, difference) in Self.stated {
      #expect((try #require(found[name]) - trace(name)).maxMagnitude <= 2 * difference, "\(name)")
    }
    let (b, c) = (try trace("B"), try trace("C"))
    #expect(selected.columns(48..<64) == b && selected.columns(64..<80) == c)
  }

  @Test("The block has the trace's activations in front of each of its layers", arguments: [false, true])
  func block(tokenByToken: Bool) throws {
    let layer = try RealLayer()
    let found = try layer.activations(tokenByToken: tokenByToken)
    func error(_ role: String, _ expected: Tensor) throws -> Double {
      relativeError(try #require(found[role]), expected)
    }
    #expect(try error("mixer.input", layer.trace.tensor("in_proj_out").tensor()) < 1e-7)
    #expect(try error("mixer.scan", layer.trace.tensor("conv_out").tensor()) < 1e-6)
    #expect(try error("mixer.step", layer.trace.tensor("x_proj_out").tensor().columns(0..<48)) < 1e-6)
    // Outliers of 2818 among values of a deviation of 28, sums of terms that cancel.
    #expect(try error("mixer.output", layer.trace.tensor("gated").tensor()) < 1e-6)
  }
}

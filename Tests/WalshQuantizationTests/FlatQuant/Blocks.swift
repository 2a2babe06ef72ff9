import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// One block with texts in front of it, as the engine hands it to FlatQuant.
struct TestBlock {
  let architecture: Architecture
  var tensors: [String: Tensor]
  var inputs: [Tensor]

  /// Block 0 of a golden model.
  init(_ kind: String, samples: Int = 4, length: Int = 12) throws {
    let model = try TinyModel(kind)
    architecture = model.model.architecture
    tensors = [:]
    let prefix = architecture.outline.blocks[0].prefix
    for name in model.checkpoint.names where name.hasPrefix(prefix) {
      tensors[name] = try model.checkpoint.tensor(name).tensor()
    }
    let embedding = try model.checkpoint.tensor(architecture.outline.embedding).tensor()
    inputs = TinyModel.calibration(samples: samples, length: length).samples.map { embedding.gatheringRows($0) }
  }

  init(_ architecture: Architecture, tensors: [String: Tensor], inputs: [Tensor]) {
    self.architecture = architecture
    self.tensors = tensors
    self.inputs = inputs
  }

  func output(_ weights: some WeightSource, _ x: Tensor) throws -> Tensor {
    let block = try architecture.block(0, from: weights)
    return block(x)
  }

  var targets: [Tensor] {
    get throws { try inputs.map { try output(BlockWeights(tensors: tensors), $0) } }
  }

  /// What the engine hands to a calibration of `plan`.
  func calibrationBlock(_ plan: Plan) throws -> CalibrationBlock {
    let targets = try targets
    var maxima: [String: Tensor] = [:]
    let block = try architecture.block(0, from: BlockWeights(tensors: tensors))
    for x in inputs {
      _ = block(x, state: nil) { group, activation in
        let found = activation.columnMaxMagnitudes
        maxima[group.id] = maxima[group.id].map { $0.combined(with: found) { max($0, $1) } } ?? found
        return true
      }
    }
    return CalibrationBlock(
      architecture: architecture, layer: 0, plan: plan, tensors: tensors, inputMaxima: maxima,
      sampleCount: inputs.count, input: { inputs[$0] }, target: { targets[$0] })
  }

  func plan(
    _ settings: FlatQuantSettings = FlatQuantSettings(), _ preset: String = "W4A4KV4", except: [String] = []
  ) throws -> Plan {
    FlatQuantMethod(settings, seed: 1).plan(
      for: architecture.outline, preset: try #require(Preset(named: preset)), exceptions: try LayerSelection(except))
  }

  /// The calibration of `plan`.
  func calibrated(_ plan: Plan) throws -> CalibratedBlock {
    try #require(plan.blockCalibration).calibrate(calibrationBlock(plan)) { _, _ in }
  }

  /// The block as the engine leaves it.
  func solved(_ plan: Plan, _ calibrated: CalibratedBlock?) throws -> BlockWeights {
    try withTemporaryFolder { folder in
      var weights = BlockWeights(tensors: tensors)
      _ = try BlockSolver(architecture: architecture, layer: 0, plan: plan, calibrated: calibrated)
        .solve(&weights, on: HiddenStates(inputs, limit: 1 << 29, folder: folder))
      return weights
    }
  }

  /// ‖Y − Ŷ‖² / ‖Y − X‖²: the error of what the block adds to the stream.
  func error(_ weights: some WeightSource) throws -> Double {
    var (error, power) = (0.0, 0.0)
    for (x, y) in zip(inputs, try targets) {
      error += (try output(weights, x) - y).sumOfSquares
      power += (y - x).sumOfSquares
    }
    return error / power
  }

  /// The error of the block that the engine makes of a plan.
  func error(of plan: Plan) throws -> Double {
    try error(solved(plan, plan.blockCalibration == nil ? nil : calibrated(plan)))
  }
}

extension LearnedParameters {
  /// The same parameters with factors from 0.5 to 2 in place of ones and of scales: nothing is orthogonal any more.
  func spread() -> LearnedParameters {
    var copy = self
    for (i, tensor) in transforms.enumerated() where tensor.rank == 1 {
      let stream = RandomStream(seed: 3, purpose: "test/spread", index: UInt64(i))
      copy.transforms[i] = Tensor((0..<tensor.count).map { 0.5 + 1.5 * Float(stream.uniform64(at: $0)) })
    }
    for i in clips.indices {
      let stream = RandomStream(seed: 4, purpose: "test/spread", index: UInt64(i))
      copy.clips[i] = Tensor((0..<clips[i].count).map { 1 + 3 * Float(stream.uniform64(at: $0)) })
    }
    return copy
  }
}

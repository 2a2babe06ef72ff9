import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// Specification 7.1, 10 to 14, and what goes wrong.
@Suite("FlatQuant's calibration")
struct FlatQuantCalibrationTests {
  /// Few steps, enough to move everything.
  static var short: FlatQuantSettings {
    var settings = FlatQuantSettings()
    settings.epochs = 6
    settings.batchSize = 2
    return settings
  }

  @Test("Rates at steps 0, 240 and 480 of 480")
  func schedule() {
    let settings = FlatQuantSettings()
    #expect(settings.steps(samples: 128) == 480)
    let transforms = settings.schedule(peak: settings.learningRate, samples: 128)
    let clips = settings.schedule(peak: settings.clipLearningRate, samples: 128)
    for (step, rate, clipRate) in [(0, 5e-3, 5e-2), (240, 2.5025e-3, 2.50025e-2), (480, 5e-6, 5e-6)] {
      #expect(abs(transforms.rate(at: step) - rate) < 1e-12)
      #expect(abs(clips.rate(at: step) - clipRate) < 1e-12)
    }
  }

  @Test("A loss divided by itself leaves Adam's first step where it was, since Adam forgets the scale of gradients")
  func normalisation() {
    let gradient = normal([40], "gradient")
    func step(_ scale: Float) -> Tensor {
      var weights = [Tensor.zeros([40])]
      var optimizer = AdamW(shapes: [[40]], settings: [AdamW.Settings(weightDecay: 0, beta2: 0.999)])
      for factor: Float in [1, -0.5, 2] {
        optimizer.update(&weights, with: [gradient * (scale * factor)], learningRate: 1e-3)
      }
      return weights[0]
    }
    #expect(relativeError(step(1e3), step(1)) < 1e-4)
    #expect(relativeError(step(0.1), step(1)) < 1e-4)
  }

  @Test(
    "The error falls below that of the start, which rounding alone does not reach",
    arguments: ["llama", "qwen3"], FlatQuantSettings.Parametrisation.allCases)
  func falls(_ kind: String, _ parametrisation: FlatQuantSettings.Parametrisation) throws {
    let block = try TestBlock(kind, samples: 8, length: 16)
    var settings = Self.short
    settings.epochs = 20
    settings.parametrisation = parametrisation
    let plan = try block.plan(settings)
    let calibrated = try block.calibrated(plan)
    let report = try #require(calibrated.report)
    #expect(report.lastLoss < report.firstLoss)
    #expect(report.heldValues == 0)
    settings.epochs = 0
    let start = try block.error(of: block.plan(settings))
    let end = try block.error(block.solved(plan, calibrated))
    let plain = PlainMethod(solver: .roundToNearest(.minMax)).plan(
      for: block.architecture.outline, preset: try #require(Preset(named: "W4A4KV4")),
      exceptions: try LayerSelection([]))
    #expect(end < start)
    #expect(try end < block.error(of: plain))
  }

  @Test(
    "The fused block with rounded weights is the block of the training graph",
    arguments: ["W4A4KV4", "W4A16", "MXFP4", "MXFP4A16"])
  func fusion(_ preset: String) throws {
    let block = try TestBlock("qwen3")
    let plan = try block.plan(Self.short, preset)
    let (learned, start) = try LearnedBlock.start(
      block.calibrationBlock(plan), settings: Self.short, seed: 1)
    let parameters = start.spread()
    let graph = try learned.weights(parameters)
    let fused = try block.solved(plan, learned.result(parameters))
    for x in block.inputs {
      #expect(relativeError(try block.output(fused, x), try block.output(graph, x)) < 1e-5)
    }
    for group in block.architecture.outline.blocks[0].groups {
      for layer in group.layers {
        let weight = layer + ".weight"
        #expect(relativeError(try fused.tensor(weight), try graph.tensor(weight)) < 1e-5, "\(layer)")
      }
    }
  }

  @Test("Rows of the up projection times c have c times the scale of the rows without")
  func rowScales() throws {
    let weight = normal([6, 16], "weight")
    let factors = Tensor([0.5, 2, 1, 0.1, 7, 3])
    let quantizer = Quantizer(format: .intPerRow(4))
    let (plain, scaled) = (
      quantizer.blockScales(of: weight), quantizer.blockScales(of: weight.scalingRows(by: factors))
    )
    for row in 0..<6 {
      #expect(
        abs(scaled.scale(row: row, group: 0) / plain.scale(row: row, group: 0) / factors.values[row] - 1) < 1e-6)
    }
  }

  @Test("Clips of each layer's own: what is stored in memory is what was learned")
  func clipsPerLayer() throws {
    let block = try TestBlock("llama")
    var settings = Self.short
    settings.sharedActivationClip = false
    let plan = try block.plan(settings)
    let (learned, start) = try LearnedBlock.start(block.calibrationBlock(plan), settings: settings, seed: 1)
    let parameters = start.spread()
    let (graph, fused) = (try learned.weights(parameters), try block.solved(plan, learned.result(parameters)))
    #expect(fused.layerActivations.count == 7 && fused.activations.isEmpty)
    for x in block.inputs {
      #expect(relativeError(try block.output(fused, x), try block.output(graph, x)) < 1e-5)
    }
  }

  // MARK: What goes wrong

  @Test("Texts of one token and of several lengths are learned from")
  func lengths() throws {
    var block = try TestBlock("llama", samples: 5, length: 9)
    block.inputs[1] = block.inputs[1].rows(0..<1)
    block.inputs[3] = block.inputs[3].rows(0..<4)
    let calibrated = try block.calibrated(block.plan(Self.short))
    #expect(try block.error(block.solved(block.plan(Self.short), calibrated)).isFinite)
    block.inputs = [block.inputs[1]]
    #expect(try block.error(of: block.plan(Self.short)).isFinite)
  }

  @Test("A layer whose activations are all zero, and a whole block of zeros")
  func zeros() throws {
    var block = try TestBlock("llama")
    let up = "model.layers.0.mlp.up_proj.weight"
    block.tensors[up] = .zeros(try #require(block.tensors[up]).shape)
    #expect(try block.error(of: block.plan(Self.short)).isFinite)
    for name in block.tensors.keys { block.tensors[name] = .zeros(try #require(block.tensors[name]).shape) }
    let calibrated = try block.calibrated(block.plan(Self.short))
    let weights = try block.solved(block.plan(Self.short), calibrated)
    #expect(try block.output(weights, block.inputs[0]) == block.inputs[0])
  }

  @Test("Steps that leave the numbers end in one sentence")
  func diverging() throws {
    let block = try TestBlock("llama")
    var settings = Self.short
    settings.learningRate = 1e30
    #expect {
      try block.calibrated(block.plan(settings))
    } throws: { error in
      guard let error = error as? QuantizationError else { return false }
      return error.description.contains("block 0") && error.description.contains("learning-rate")
    }
  }

  @Test(
    "A rate that would turn signs is held back, and what is stored is invertible",
    arguments: FlatQuantSettings.Parametrisation.allCases)
  func held(_ parametrisation: FlatQuantSettings.Parametrisation) throws {
    let block = try TestBlock("llama")
    var settings = Self.short
    settings.parametrisation = parametrisation
    settings.learningRate = 0.6
    let calibrated = try block.calibrated(block.plan(settings))
    #expect(try #require(calibrated.report).heldValues > 0)
    for transform in calibrated.transforms.values {
      let parts = (transform as? CompositeTransform)?.parts ?? [transform]
      for part in parts {
        if let diagonal = part as? DiagonalTransform { #expect(diagonal.scales.allSatisfy { $0 >= 1e-5 }) }
      }
      let x = normal([4, transform.dimension], "x")
      #expect(relativeError(x.transformed(by: transform).transformed(by: transform.inverse), x) < 1e-2)
    }
  }
}

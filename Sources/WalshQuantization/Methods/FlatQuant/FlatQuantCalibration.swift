import Foundation
import WalshModels
import WalshTensor

/// FlatQuant's calibration of a block: its parameters are learned by AdamW on the mean squared error of the block's output
/// under simulated quantization. Source: Sun et al., arXiv 2410.09426; section 3.7 of our specification.
///
/// Inputs and targets are in full precision. Samples are taken in order, `batchSize` at a time, without shuffling; the
/// gradient is that of loss / stopgrad(loss), which only scales it.
public struct FlatQuantCalibration: BlockCalibration {
  /// What is learned, and how.
  public let settings: FlatQuantSettings
  /// The seed of the random matrices that learning starts from.
  public let seed: UInt64

  public init(_ settings: FlatQuantSettings, seed: UInt64) {
    self.settings = settings
    self.seed = seed
  }

  public var description: String { "FlatQuant" }

  public var samplesPerStep: Int { settings.batchSize }

  public func steps(samples: Int) -> Int { settings.steps(samples: samples) }

  public func calibrate(
    _ block: CalibrationBlock, progress: (_ done: Int, _ note: String) throws -> Void
  ) throws -> CalibratedBlock {
    let start = try LearnedBlock.start(block, settings: settings, seed: seed)
    var training = FlatQuantTraining(start.block, start.parameters, settings: settings, samples: block.sampleCount)
    let batches = stride(from: 0, to: block.sampleCount, by: settings.batchSize).map {
      $0..<min($0 + settings.batchSize, block.sampleCount)
    }
    var report = (power: 0.0, first: 0.0, last: 0.0)
    for epoch in 0..<settings.epochs {
      var error = 0.0
      for (index, samples) in batches.enumerated() {
        let note =
          "epoch \(epoch + 1) of \(settings.epochs)" + (epoch > 0 ? ", error \(Self.short(report.last))" : "")
          + (training.heldValues > 0 ? ", \(training.heldValues) values held back" : "")
        try progress(epoch * batches.count + index, note)
        let batch = try Batch(block, samples: samples)
        if epoch == 0 { report.power += batch.power }
        do {
          error += try training.step(on: batch, through: block)
        } catch is LinearAlgebraError {
          throw failure(of: block, step: training.steps)
        }
        guard error.isFinite, training.isFinite else { throw failure(of: block, step: training.steps) }
      }
      // A block whose output is always zero has no error to speak of.
      report.last = report.power > 0 ? error / report.power : 0
      if epoch == 0 { report.first = report.last }
    }
    var result = try training.block.result(training.parameters)
    result.report = CalibrationReport(
      layer: block.layer, firstLoss: report.first, lastLoss: report.last, heldValues: training.heldValues)
    return result
  }

  private func failure(of block: CalibrationBlock, step: Int) -> QuantizationError {
    QuantizationError(
      "block \(block.layer)",
      "FlatQuant's calibration left the numbers in step \(step); lower flatquant.learning-rate and clip-learning-rate."
    )
  }

  private static func short(_ value: Double) -> String { String(format: "%.5f", value) }
}

/// Samples that make one step: texts of equal length side by side, as blocks take them.
struct Batch {
  /// Inputs and targets, shape `[texts, tokens, hiddenSize]`, one pair for each run of samples of one length.
  let parts: [(input: Tensor, target: Tensor)]

  /// Σ target² over all values.
  var power: Double { parts.reduce(0) { $0 + $1.target.sumOfSquares } }

  /// The samples `range` of a block.
  init(_ block: CalibrationBlock, samples range: Range<Int>) throws {
    var rest = try range.map { (input: try block.input($0), target: try block.target($0)) }[...]
    var parts: [(input: Tensor, target: Tensor)] = []
    while let next = rest.first {
      let run = rest.prefix { $0.input.rowCount == next.input.rowCount }
      rest = rest.dropFirst(run.count)
      func stacked(_ tensors: [Tensor]) -> Tensor {
        Tensor.stackingRows(tensors).reshaped(to: [tensors.count] + next.input.shape)
      }
      parts.append((stacked(run.map(\.input)), stacked(run.map(\.target))))
    }
    self.parts = parts
  }
}

import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor
import WalshTransforms

/// Carries plans out in memory, one block at a time, and measures how far the result's predictions are from the base's.
struct PlanTrial {
  let architecture: Architecture
  let source: Checkpoint
  /// Texts to calibrate on.
  let fit: [[Int]]
  /// Texts to be judged on.
  let held: [[Int]]
  /// The base's log-probabilities of each text, a row for each position.
  private let reference: [[[Double]]]
  /// What every probability is the logarithm of: the embedding and what follows the last block.
  private let weights: UnpackedWeights<CheckpointWeights>

  /// - Parameter streams: the base's residual stream behind the last block, of each text of `held`.
  init(
    architecture: Architecture, source: Checkpoint, weights: UnpackedWeights<CheckpointWeights>, fit: [[Int]],
    held: [[Int]], streams: [Tensor]
  ) throws {
    (self.architecture, self.source, self.weights, self.fit, self.held) = (architecture, source, weights, fit, held)
    let ends = try architecture.ends(from: weights)
    reference = streams.map { Self.logProbabilities(ends.logits($0)) }
  }

  /// Σ p·log(p/q), the mean over all positions of the texts held aside, in nats; infinite when predictions are no numbers.
  func divergence(of plan: Plan) throws -> Double {
    let embedding = try architecture.embedding(from: weights)
    func embedded(_ tokens: [Int]) -> Tensor {
      let x = embedding.gatheringRows(tokens)
      return plan.residual.map { x.transformed(by: $0) } ?? x
    }
    // Everything stays in memory, as the model does.
    let hidden = try HiddenStates(fit.map(embedded), limit: .max, folder: FileManager.default.temporaryDirectory)
    var streams = held.map(embedded)
    for (layer, outline) in architecture.outline.blocks.enumerated() {
      var tensors: [String: Tensor] = [:]
      for name in source.names where name.hasPrefix(outline.prefix) {
        tensors[name] = try source.tensor(name).tensor()
      }
      var block = BlockWeights(tensors: tensors)
      _ = try BlockSolver(architecture: architecture, layer: layer, plan: plan).solve(&block, on: hidden)
      let solved = try architecture.block(layer, from: block)
      try hidden.update { solved($0) }
      streams = streams.map { solved($0) }
    }
    let ends = try architecture.ends(from: weights)
    let back = plan.residual?.transpose
    var sum = 0.0
    var count = 0
    for (stream, expected) in zip(streams, reference) {
      let found = Self.logProbabilities(ends.logits(back.map { stream.transformed(by: $0) } ?? stream))
      for (p, q) in zip(expected, found) {
        sum += zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
        count += 1
      }
    }
    let mean = sum / Double(max(1, count))
    return mean.isFinite ? mean : .infinity
  }

  /// log softmax of each row in Float64.
  private static func logProbabilities(_ logits: Tensor) -> [[Double]] {
    (0..<logits.rowCount).map { row in
      let values = logits.row(row).values.map(Double.init)
      let largest = values.max() ?? 0
      let total = log(values.reduce(0) { $0 + exp($1 - largest) }) + largest
      return values.map { $0 - total }
    }
  }
}

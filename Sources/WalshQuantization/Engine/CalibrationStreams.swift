import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor

/// The calibration text between two blocks: as the quantized blocks leave it, as the original ones do, or both.
final class CalibrationStreams {
  /// The stream behind the quantized blocks so far; nil when nothing reads it.
  let quantized: HiddenStates?
  /// The stream behind the original blocks so far; nil without a block calibration.
  private(set) var original: HiddenStates?
  /// The same behind one more block, once `pass` has made it.
  private(set) var targets: HiddenStates?

  /// The streams that `plan` needs, in front of the first block.
  ///
  /// - Parameters:
  ///   - samples: the embedded samples.
  ///   - limit: the bytes that may stay in memory, of all streams together.
  ///   - folder: where scratch files go.
  init(_ samples: [Tensor], for plan: Plan, limit: Int, folder: URL) throws {
    func stream(_ name: String) throws -> HiddenStates {
      try HiddenStates(samples, limit: limit / max(1, plan.streamCount), folder: folder, name: name)
    }
    quantized = plan.readsQuantizedStream ? try stream("hidden-states") : nil
    guard plan.blockCalibration != nil else { return }
    original = try stream("original-states")
    targets = try stream("target-states")
  }

  /// What weights and scales follow from.
  var solving: HiddenStates? { quantized ?? original }

  /// Moves the original stream through the original block `layer` and keeps the result as `targets`.
  ///
  /// - Returns: the largest magnitude of each channel of each group's activation, by group id.
  func pass(_ layer: Int, of architecture: Architecture, _ weights: BlockWeights) throws -> [String: Tensor] {
    guard let original, let targets else { return [:] }
    let block = try architecture.block(layer, from: weights)
    var statistics: [String: InputStatistics] = [:]
    for group in block.outline.groups {
      statistics[group.id] = InputStatistics(width: group.width)
    }
    try targets.update(from: original) { x in
      block(x, state: nil) { group, activation in
        statistics[group.id]?.add(activation)
        return true
      }
    }
    return statistics.mapValues(\.columnMaxMagnitudes)
  }

  /// Takes the original stream to the next block.
  func advanceOriginal() { swap(&original, &targets) }
}

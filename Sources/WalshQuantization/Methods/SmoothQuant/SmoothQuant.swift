import Foundation
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Moves outliers of activations into weights by a scale per channel, folded into what comes before.
///
/// s_j = max|X_j|^α / max|W_j|^(1−α); x_j ← x_j / s_j, W_·j ← W_·j · s_j.
///
/// Source: Xiao et al., arXiv 2211.10438.
public struct SmoothQuantMethod: QuantizationMethod {
  public static let name = "smoothquant"
  /// α: 0 leaves activations alone, 1 makes all their channels equal.
  public let strength: Double
  /// How the weights are chosen.
  public let solver: WeightSolver

  public init(strength: Double = 0.5, solver: WeightSolver = .roundToNearest(.minMax)) {
    self.strength = strength
    self.solver = solver
  }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) -> Plan {
    var plan = Plan.uniform(method: Self.name, outline, preset: preset, solver: solver, exceptions)
    for group in outline.blocks.flatMap(\.groups) where group.source.absorbsScales {
      plan.groups[group.id]?.transform = .calibrated(SmoothingScales(strength: strength))
    }
    return plan
  }
}

/// The scales of SmoothQuant from a group's activations and weights.
public struct SmoothingScales: TransformCalibration {
  /// α.
  public let strength: Double

  public var description: String { "smoothing \(strength)" }

  public func shape(for group: LinearGroup) -> any LinearTransform {
    DiagonalTransform(Array(repeating: 1, count: group.width))
  }

  public func transform(
    for group: LinearGroup, weights: [Tensor], inputs: InputStatistics
  ) -> any LinearTransform {
    let activationMax = group.sharedByValueHead(inputs.columnMaxMagnitudes)
    let weightMax = group.sharedByValueHead(Self.columnMaxMagnitudes(of: weights))
    // A channel that is always zero on either side has nothing to move.
    let scales = activationMax.combined(with: weightMax) { x, w in
      guard x > 0, w > 0 else { return 1 }
      return Float(pow(Double(w), 1 - strength) / pow(Double(x), strength))
    }
    return DiagonalTransform(scales.values)
  }

  /// The largest magnitude of each column of all `weights`, of which there is at least one.
  static func columnMaxMagnitudes(of weights: [Tensor]) -> Tensor {
    weights.dropFirst().reduce(weights[0].columnMaxMagnitudes) {
      $0.combined(with: $1.columnMaxMagnitudes) { max($0, $1) }
    }
  }
}

extension LinearGroup {
  /// The maxima that scales follow from: behind attention, heads that share a value head must share their scales, so that
  /// the values absorb them, and therefore share their maxima.
  func sharedByValueHead(_ maxima: Tensor) -> Tensor {
    guard case .valueHeads(_, let heads, let keyHeads, let headSize) = source else { return maxima }
    let values = maxima.values
    let repeats = heads / keyHeads
    return Tensor(
      values.indices.map { j in
        let keyHead = j / (repeats * headSize)
        return (0..<repeats).map { values[(keyHead * repeats + $0) * headSize + j % headSize] }.max() ?? 0
      })
  }
}

import Foundation
import WalshModels
import WalshTensor
import WalshTransforms

/// DuQuant's smoothing: s_j = max|X_j|^α / max|W_j|^(1−α), x_j ← x_j / s_j, W_·j ← W_·j · s_j, with floors under everything.
///
/// The maxima are at least 1e-5 and s at least 1e-2. Behind attention the query heads of a value head share their maxima, so
/// that the values absorb s; the released code leaves that division to run time.
///
/// Source: released code of arXiv 2604.17789 (specification, section 5.1).
public struct OutlierSmoothing: Sendable, Hashable {
  /// Whose weights a group's scales follow from.
  public enum Weights: String, Sendable, CaseIterable {
    /// Those of one layer: the queries' projection, the up projection, or the group's only layer. The released code.
    case representative
    /// Those of all layers of the group.
    case all
  }

  /// α: 0 leaves activations alone, 1 makes all their channels equal.
  public var strength: Double
  /// Whose weights count.
  public var weights: Weights

  public init(strength: Double = 0.6, weights: Weights = .representative) {
    self.strength = strength
    self.weights = weights
  }

  /// The division by s.
  func transform(for group: LinearGroup, weights: [Tensor], inputs: InputStatistics) -> DiagonalTransform {
    let counted = self.weights == .all ? weights : [weights[group.representative]]
    let activationMax = group.sharedByValueHead(inputs.columnMaxMagnitudes)
    let weightMax = group.sharedByValueHead(SmoothingScales.columnMaxMagnitudes(of: counted))
    let scales = activationMax.combined(with: weightMax) { x, w in
      let s = pow(Double(max(x, 1e-5)), strength) / pow(Double(max(w, 1e-5)), 1 - strength)
      return Float(1 / max(s, 1e-2))
    }
    return DiagonalTransform(scales.values)
  }
}

extension LinearGroup {
  /// The index of the layer that stands for all in the released code: `up_proj` where there is one, else the first.
  fileprivate var representative: Int { layers.firstIndex { $0.hasSuffix("up_proj") } ?? 0 }
}

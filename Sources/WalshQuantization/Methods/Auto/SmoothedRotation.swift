import WalshModels
import WalshTensor
import WalshTransforms

/// SmoothQuant's scales, which are folded, then a rotation: the strongest cheap pair for formats with block scales.
struct SmoothedRotation: TransformCalibration {
  /// The scales.
  let smoothing: SmoothingScales
  /// What acts on the scaled activation.
  let rotation: any LinearTransform

  var description: String { "\(smoothing) · \(rotation)" }

  func shape(for group: LinearGroup) -> any LinearTransform {
    CompositeTransform([smoothing.shape(for: group), rotation])
  }

  func transform(for group: LinearGroup, weights: [Tensor], inputs: InputStatistics) -> any LinearTransform {
    CompositeTransform([smoothing.transform(for: group, weights: weights, inputs: inputs), rotation])
  }
}

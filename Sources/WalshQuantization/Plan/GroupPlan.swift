import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// What happens to one linear group.
public struct GroupPlan: Sendable {
  /// The transform of the group's activation, applied behind the model's residual rotation.
  public var transform: GroupTransform
  /// How the weights are chosen.
  public var solver: WeightSolver
  /// The format of the weights; nil for full precision.
  public var weights: NumericFormat?
  /// What is clipped of weights before their scales are chosen.
  public var weightClip = ClipRatio.none
  /// The format of the activation; nil for full precision.
  public var activations: NumericFormat?

  public init(
    transform: GroupTransform = .none, solver: WeightSolver = .roundToNearest(.minMax), weights: NumericFormat? = nil,
    activations: NumericFormat? = nil
  ) {
    self.transform = transform
    self.solver = solver
    self.weights = weights
    self.activations = activations
  }
}

/// Where a group's transform comes from.
public enum GroupTransform: Sendable, CustomStringConvertible {
  /// There is none.
  case none
  /// It is known beforehand.
  case fixed(any LinearTransform)
  /// It is made from the block's weights and activations when the engine reaches the block.
  case calibrated(any TransformCalibration)

  public var description: String {
    switch self {
    case .none: "–"
    case .fixed(let transform): transform.description
    case .calibrated(let calibration): calibration.description
    }
  }
}

/// Makes the transform of a group from what the engine measured.
public protocol TransformCalibration: Sendable, CustomStringConvertible {
  /// What it looks at beside the largest magnitudes of the activation.
  var needs: InputStatistics.Needs { get }

  /// A transform of `group` built as `transform(for:weights:inputs:)` builds them: of its numbers nothing is used, but what
  /// of it is folded, what acts at run time, and how large it is in a checkpoint.
  func shape(for group: LinearGroup) -> any LinearTransform

  /// - Parameters:
  ///   - group: the group.
  ///   - weights: the weights of its layers, behind the residual rotation.
  ///   - inputs: statistics of its activation on the calibration text.
  func transform(for group: LinearGroup, weights: [Tensor], inputs: InputStatistics) throws -> any LinearTransform
}

extension TransformCalibration {
  public var needs: InputStatistics.Needs { InputStatistics.Needs() }
}

extension GroupTransform {
  /// The transform of `group`, or one that is built like it where it is still to be made; nil for none.
  func shape(for group: LinearGroup) -> (any LinearTransform)? {
    switch self {
    case .none: nil
    case .fixed(let transform): transform
    case .calibrated(let calibration): calibration.shape(for: group)
    }
  }
}

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

/// Makes the transform of a group from what the engine measured; one that the group's source absorbs.
public protocol TransformCalibration: Sendable, CustomStringConvertible {
  /// - Parameters:
  ///   - group: the group.
  ///   - weights: the weights of its layers, behind the residual rotation.
  ///   - inputs: statistics of its activation on the calibration text.
  func transform(for group: LinearGroup, weights: [Tensor], inputs: InputStatistics) throws -> any LinearTransform
}

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
  /// The plan's block calibration learns one of this shape.
  case learned(LearnedShape)

  /// The shape of a learned transform; nil for others.
  var learnedShape: LearnedShape? { if case .learned(let shape) = self { shape } else { nil } }

  public var description: String {
    switch self {
    case .none: "–"
    case .fixed(let transform): transform.description
    case .calibrated(let calibration): calibration.description
    case .learned(let shape): shape.description
    }
  }
}

/// What a block calibration learns for a group: a factor for each channel, then a Kronecker product.
public struct LearnedShape: Sendable, Hashable, CustomStringConvertible {
  /// Whether channels have factors, which are folded.
  public var scales = false
  /// The order of the left matrix; nil for the identity.
  public var left: Int?
  /// The order of the right matrix; nil for the identity.
  public var right: Int?
  /// Whether the right matrix is folded, as it is behind attention.
  public var foldsRight = false

  /// Nothing learned.
  public init() {}

  var isEmpty: Bool { !scales && left == nil && right == nil }
  /// Whether a part of it is folded.
  var isFolded: Bool { scales || (foldsRight && right != nil) }
  /// The orders of the matrices that act at run time.
  var onlineOrders: [Int] { [left, foldsRight ? nil : right].compactMap(\.self) }

  /// A transform of `group` that is built like the learned one; nil when nothing is learned.
  func transform(of group: LinearGroup) -> (any LinearTransform)? {
    func matrix(_ order: Int) -> DenseTransform { DenseTransform(.identity(order), inverse: .identity(order)) }
    var parts: [any LinearTransform] = []
    if scales { parts.append(DiagonalTransform(Array(repeating: 1, count: group.width))) }
    if foldsRight, let right {
      parts.append(BlockDiagonalTransform(block: matrix(right), count: group.width / right))
    }
    if let left {
      let rest = group.width / left
      parts.append(KroneckerTransform(left: matrix(left), right: foldsRight ? IdentityTransform(rest) : matrix(rest)))
    }
    return parts.isEmpty ? nil : parts.count == 1 ? parts[0] : CompositeTransform(parts)
  }

  public var description: String {
    let orders = [left, right].compactMap { $0.map(String.init) }.joined(separator: "×")
    return [scales ? "scales" : nil, orders.isEmpty ? nil : "learned \(orders)"].compactMap(\.self)
      .joined(separator: " · ")
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
    case .learned(let shape): shape.transform(of: group)
    }
  }
}

import WalshCheckpoints
import WalshModels
import WalshTensor

/// Work on the whole model that a plan asks for before its first shard: what a method learns from text, and cannot know
/// from an outline.
///
/// A plan with a preparation is whole without it: it holds what the preparation starts from, of the same shapes, so that
/// everything that is said of a plan beforehand is true. The engine carries the preparation out before the embedding is
/// written, saves its state now and then, and goes on with the plan that `completed(_:with:)` makes of the last state.
public protocol PlanPreparation: Sendable, CustomStringConvertible {
  /// The number of steps.
  var stepCount: Int { get }
  /// Steps between two saved states; 10 unless a preparation says otherwise.
  var saveInterval: Int { get }

  /// Checks that the plan is one that can be prepared.
  ///
  /// - Throws: `QuantizationError` naming what stands in the way.
  func check(_ plan: Plan, for outline: ModelOutline) throws(QuantizationError)

  /// The bytes that the work needs beside the program: unlike all else in a run, they grow with the model's depth.
  ///
  /// - Throws: `CheckpointError` when a tensor is missing in `source`.
  func byteCount(
    for plan: Plan, of outline: ModelOutline, source: Checkpoint, context: Int
  ) throws(CheckpointError) -> Int

  /// Makes the steps that are left.
  ///
  /// - Parameters:
  ///   - plan: the plan as the method made it.
  ///   - architecture: the model.
  ///   - source: its weights.
  ///   - calibration: the text to learn from.
  ///   - state: where an interrupted run stood; nil for the beginning. The same state gives the same states behind it,
  ///     whatever the number of threads.
  ///   - observer: called before each step and behind the last; what it throws ends the work.
  /// - Returns: the state behind the last step.
  /// - Throws: `QuantizationError` when the numbers get lost, and what the source throws.
  func prepare(
    _ plan: Plan, of architecture: Architecture, source: Checkpoint, calibration: CalibrationText,
    from state: PreparationState?, observer: (PreparationState) throws -> Void
  ) throws -> PreparationState

  /// The plan with what was found.
  ///
  /// - Throws: `QuantizationError` when what was found cannot be used.
  func completed(_ plan: Plan, with state: PreparationState) throws(QuantizationError) -> Plan
}

extension PlanPreparation {
  public var saveInterval: Int { 10 }
}

/// All that a preparation has found so far: what an interrupted run goes on from.
public struct PreparationState: Sendable, Equatable {
  /// Matrices by name, in Float64.
  public var matrices: [String: Matrix]
  /// The loss in front of each step that was made.
  public var losses: [Double]

  public init(matrices: [String: Matrix], losses: [Double] = []) {
    self.matrices = matrices
    self.losses = losses
  }

  /// The number of steps made.
  public var stepsDone: Int { losses.count }
}

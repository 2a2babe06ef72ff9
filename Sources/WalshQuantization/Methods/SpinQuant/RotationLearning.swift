import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor
import WalshTransforms

/// Learns R1 and R2 of a plan by gradient descent on the loss of the quantized network.
///
/// Each step takes the next samples, computes the cross-entropy of the next token with every quantizer in place
/// (`RotatedModel`), and moves each rotation by Cayley SGD with η·½(1 + cos(π·step/steps)). Weights never change. Rotations
/// are kept in Float64 and rounded for the network.
///
/// Source: Liu et al., arXiv 2405.16406, section 3.2.
public struct RotationLearning: PlanPreparation {
  /// How.
  public let settings: SpinQuantSettings
  /// The seed of the order of samples and of retractions.
  public let seed: UInt64
  private let optimizer = CayleySGD()

  public init(settings: SpinQuantSettings, seed: UInt64) {
    self.settings = settings
    self.seed = seed
  }

  public var description: String { "R1 and R2 learned in \(settings)" }
  public var stepCount: Int { settings.steps }

  public func check(_ plan: Plan, for outline: ModelOutline) throws(QuantizationError) {
    guard settings.steps > 0, settings.batch > 0, settings.sequenceLength > 1, settings.learningRate > 0,
      settings.learningRate.isFinite
    else {
      throw QuantizationError(
        "spinquant \(settings)",
        "steps, batch and learning rate are above zero, and sequences have two tokens or more.")
    }
    for group in outline.blocks.flatMap(\.groups) {
      if case .calibrated(let calibration) = plan[group].transform {
        throw QuantizationError(
          "groups.\(group.id), transform \(calibration)",
          "spinquant learns with all transforms in place, and this one is known only later; use none or a rotation.")
      }
    }
  }

  // MARK: Memory

  public func byteCount(
    for plan: Plan, of outline: ModelOutline, source: Checkpoint, context: Int
  ) throws(CheckpointError) -> Int {
    let embedding = try source.tensor(outline.embedding)
    var model = embedding.count * (outline.headIsTied ? 1 : 2)
    var largestBlock = 0
    var activations = 0
    for block in outline.blocks {
      var count = 0
      for name in source.names where name.hasPrefix(block.prefix) { count += try source.tensor(name).count }
      model += count
      largestBlock = max(largestBlock, count)
      activations = max(activations, block.groups.reduce(0) { $0 + $1.width * (2 + $1.layers.count) })
    }
    let tokens = settings.batch * (min(settings.sequenceLength, max(context, 2)) - 1)
    let stream = outline.hiddenSize * (outline.blocks.count + 4)
    // Of a block in its backward pass: every activation in Float32 with what quantizers and products keep and their
    // gradients; logits with their gradient and one copy; weights rotated, rounded, and their gradients.
    let perToken = stream + 3 * activations + 3 * (embedding.shape.first ?? 0)
    let cayley = 10 * outline.hiddenSize * outline.hiddenSize
    return 4 * (model + 4 * largestBlock + tokens * perToken) + 8 * cayley
  }

  // MARK: Learning

  public func prepare(
    _ plan: Plan, of architecture: Architecture, source: Checkpoint, calibration: CalibrationText,
    from state: PreparationState?, observer: (PreparationState) throws -> Void
  ) throws -> PreparationState {
    let model = try RotatedModel(plan, of: architecture, source: source)
    var state = state ?? PreparationState(matrices: Self.start(of: plan, architecture.outline))
    try observer(state)
    while state.stepsDone < settings.steps {
      let batch = calibration.batch(
        state.stepsDone, size: settings.batch, length: settings.sequenceLength, seed: seed)
      guard let batch else {
        throw QuantizationError(calibration.source, "no calibration sample has two tokens; use longer texts.")
      }
      try advance(&state, on: batch, model)
      try observer(state)
    }
    return state
  }

  /// Makes one step.
  private func advance(_ state: inout PreparationState, on batch: CalibrationBatch, _ model: RotatedModel) throws {
    let step = state.stepsDone
    let names = state.matrices.keys.sorted()
    let variables = names.map { Tensor(state.matrices[$0] ?? .identity(1)).tracked() }
    let loss = try model.loss(of: batch, rotations: Dictionary(uniqueKeysWithValues: zip(names, variables)))
    let value = Double(loss[])
    let gradients = loss.gradients(of: variables)
    let rate = settings.learningRate * 0.5 * (1 + cos(.pi * Double(step) / Double(settings.steps)))
    guard value.isFinite, gradients.allSatisfy({ $0.maxMagnitude.isFinite }) else {
      throw QuantizationError(
        "spinquant, step \(step + 1)",
        "the \(value.isFinite ? "gradient" : "loss") is not a number; lower its learning-rate, now "
          + "\(settings.learningRate).")
    }
    for (name, gradient) in zip(names, gradients) {
      guard let rotation = state.matrices[name] else { continue }
      let draw = RandomStream(seed: seed, purpose: "spinquant/retraction/\(name)").uniform64(at: step)
      state.matrices[name] = optimizer.step(rotation, gradient: Matrix(gradient), rate: rate, draw: draw)
    }
    state.losses.append(value)
  }

  /// The rotations of `plan` that are learned, by name.
  static func start(of plan: Plan, _ outline: ModelOutline) -> [String: Matrix] {
    var matrices: [String: Matrix] = [:]
    if let residual = plan.residual { matrices[RotatedModel.residual] = Matrix(residual.matrix()) }
    for group in outline.blocks.flatMap(\.groups) {
      if let rotation = plan.headRotation(of: group) { matrices[group.id] = Matrix(rotation.matrix()) }
    }
    return matrices
  }

  // MARK: Result

  public func completed(_ plan: Plan, with state: PreparationState) throws(QuantizationError) -> Plan {
    var plan = plan
    for (name, matrix) in state.matrices.sorted(by: { $0.key < $1.key }) {
      let rotation = try orthogonal(matrix, name)
      if name == RotatedModel.residual {
        plan.residual = rotation
      } else if case .fixed(let transform) = plan.groups[name]?.transform {
        plan.groups[name]?.transform = .fixed(
          BlockDiagonalTransform(block: rotation, count: transform.dimension / rotation.dimension))
      }
    }
    if let first = state.losses.first, let last = state.losses.last {
      plan.remarks.append(
        "\(self); loss \(short(first)) in front of the first step, \(short(last)) in front of the last")
    }
    return plan
  }

  /// The rotation that `matrix` has become, made orthogonal in Float64 and rounded.
  private func orthogonal(_ matrix: Matrix, _ name: String) throws(QuantizationError) -> DenseTransform {
    guard let rotation = try? DenseTransform(Tensor(matrix.withOrthonormalRows)), rotation.isOrthogonal else {
      throw QuantizationError(
        "spinquant, \(name)",
        "what was learned is no rotation (its rows are not orthonormal to 1e-5); lower its learning-rate, now "
          + "\(settings.learningRate).")
    }
    return rotation
  }

  private func short(_ loss: Double) -> String { "\((loss * 1e4).rounded() / 1e4)" }
}

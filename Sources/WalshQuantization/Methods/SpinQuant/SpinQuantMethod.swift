import WalshModels
import WalshTensor
import WalshTransforms

/// Rotations placed as in QuaRot, R1 and R2 learned: SpinQuant.
///
/// | name | where | learned | at run time |
/// |---|---|---|---|
/// | R1 | residual stream, one for the whole model | yes | folded |
/// | R2 | value heads of each block, undone by the attention output | yes | folded |
/// | R3 | queries and keys behind the rotary embedding, when the cache is quantized: Hadamard | no | online |
/// | R4 | input of the down projection: Hadamard | no | online |
///
/// The plan holds the random Hadamard matrices that learning starts from; `RotationLearning` is its preparation.
///
/// Source: Liu et al., arXiv 2405.16406.
public struct SpinQuantMethod: QuantizationMethod {
  public static let name = "spinquant"
  /// How rotations are learned.
  public let settings: SpinQuantSettings
  /// How the weights are chosen. While rotations are learned, weights are rounded to nearest if they will be in the end,
  /// and in full precision when GPTQ follows.
  public let solver: WeightSolver
  /// The seed of the first rotations and of the order of samples.
  public let seed: UInt64
  /// Whether R3 and R4 are used; without them, the paper's `no-had`, every reader of the checkpoint gets the model right.
  public let usesOnlineRotations: Bool

  public init(
    settings: SpinQuantSettings = SpinQuantSettings(), solver: WeightSolver = .gptq(GPTQ()), seed: UInt64 = 0,
    usesOnlineRotations: Bool = true
  ) {
    self.settings = settings
    self.solver = solver
    self.seed = seed
    self.usesOnlineRotations = usesOnlineRotations
  }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) throws -> Plan {
    var plan = try RotationMethod(
      residual: .randomized, heads: .randomized, online: .hadamard, solver: solver, seed: seed,
      usesOnlineRotations: usesOnlineRotations
    ).plan(for: outline, preset: preset, exceptions: exceptions)
    plan.method = Self.name
    if usesOnlineRotations { plan.mixWholeWidths(of: outline) }
    plan.preparation = RotationLearning(settings: settings, seed: seed)
    return plan
  }
}

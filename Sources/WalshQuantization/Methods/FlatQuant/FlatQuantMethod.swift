import WalshFormats
import WalshModels
import WalshTransforms

/// FlatQuant: a learned Kronecker transform in front of every linear group, learned scales and learned clipping.
///
/// | name | where | at run time |
/// |---|---|---|
/// | c | norms in front of attention and of the feed-forward network; rows of the up projection | folded |
/// | P_a, P_ug, P_d | inputs of q, k, v; of gate and up; of down | online, P₁ ⊗ P₂ with P₁ and P₂ of order about √n |
/// | P_v | every value head, undone by the attention output | folded |
/// | P_o | across heads in front of the attention output | online |
/// | P_h | keys, its inverse transpose on queries, when the cache is quantized | online |
///
/// Source: Sun et al., arXiv 2410.09426.
public struct FlatQuantMethod: QuantizationMethod {
  public static let name = "flatquant"
  /// What is learned, and how.
  public let settings: FlatQuantSettings
  /// How the weights are chosen.
  public let solver: WeightSolver
  /// The seed of the random matrices that learning starts from.
  public let seed: UInt64

  public init(
    _ settings: FlatQuantSettings = FlatQuantSettings(), solver: WeightSolver = .roundToNearest(.minMax),
    seed: UInt64 = 0
  ) {
    self.settings = settings
    self.solver = solver
    self.seed = seed
  }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) -> Plan {
    var plan = Plan.uniform(method: Self.name, outline, preset: preset, solver: solver, exceptions)
    for group in outline.blocks.flatMap(\.groups) {
      let transform = shape(for: group, of: plan).map(GroupTransform.learned) ?? .none
      plan.groups[group.id]?.transform = transform
    }
    plan.blockCalibration = FlatQuantCalibration(settings, seed: seed)
    plan.learnsKeys = settings.learnsTransforms && preset.cache != nil
    plan.learnsClips = settings.learnsClipping
    plan.clipsPerLayer = settings.learnsClipping && !settings.sharedActivationClip
    return plan
  }

  /// What is learned for a group; nil for nothing. Groups in full precision keep what they read, but for P_v of a
  /// quantized cache.
  private func shape(for group: LinearGroup, of plan: Plan) -> LearnedShape? {
    let isQuantized = plan[group].weights != nil
    var shape = LearnedShape()
    switch group.source {
    case .norm, .gatedProduct, .projection, .convolution, .gatedScan:
      guard isQuantized else { return nil }
      shape.scales =
        switch group.source {
        case .norm, .gatedProduct: settings.learnsScales
        default: false
        }
      if settings.learnsTransforms {
        let (n1, n2) = KroneckerTransform.balancedFactors(of: group.width)
        (shape.left, shape.right) = (n1, n2)
      }
    case .valueHeads(_, let heads, _, let headSize):
      guard settings.learnsTransforms else { return nil }
      if isQuantized { shape.left = heads }
      if isQuantized || plan.cache != nil {
        shape.right = headSize
        shape.foldsRight = true
      }
    }
    return shape.isEmpty ? nil : shape
  }
}

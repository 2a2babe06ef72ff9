import WalshModels
import WalshTensor
import WalshTransforms

/// Random Hadamard rotations with heads mixed in front of the attention output: QuaRot.
///
/// | name | where | matrix | at run time |
/// |---|---|---|---|
/// | R1 | residual stream | random signs, then Hadamard | folded |
/// | R2 | each value head, undone by the attention output | Hadamard H_d | folded |
/// | | heads in front of the attention output | H_H ⊗ I, H heads | online |
/// | R3 | queries and keys behind the rotary embedding, when the cache is quantized | H_d | online |
/// | R4 | input of the down projection | H_F | online |
///
/// H_F is over the whole width where an order or two factors of it allow, else in blocks.
/// Together with R2 the mixing of heads is H_H ⊗ H_d, a Hadamard matrix over the whole width. Activations, cache and
/// weights are clipped at their extremes (ratio 1, as the released code does by default; the paper has 0.9 and 0.95).
///
/// Source: Ashkboos et al., arXiv 2404.00456.
public struct QuaRotMethod: QuantizationMethod {
  public static let name = "quarot"
  /// How the weights are chosen.
  public let solver: WeightSolver
  /// The seed of R1's signs.
  public let seed: UInt64
  /// Whether rotations that cost run time are used; without them every reader of the checkpoint gets the model right.
  public let usesOnlineRotations: Bool

  public init(solver: WeightSolver = .gptq(GPTQ()), seed: UInt64 = 0, usesOnlineRotations: Bool = true) {
    self.solver = solver
    self.seed = seed
    self.usesOnlineRotations = usesOnlineRotations
  }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) throws -> Plan {
    var plan = try RotationMethod(
      residual: .randomized, heads: .hadamard, online: .hadamard, solver: solver, seed: seed,
      usesOnlineRotations: usesOnlineRotations
    ).plan(for: outline, preset: preset, exceptions: exceptions)
    plan.method = Self.name
    guard usesOnlineRotations else { return plan }
    plan.mixWholeWidths(of: outline)
    for group in outline.blocks.flatMap(\.groups) {
      guard case .fixed(let heads) = plan[group].transform, let mixing = Self.headMixing(of: group) else { continue }
      plan.groups[group.id]?.transform = .fixed(CompositeTransform([heads, mixing]))
    }
    return plan
  }

  /// H_H ⊗ I over the heads of attention's mixture; nil for other groups, a single head, and a number of heads of which no
  /// Hadamard matrix is known.
  static func headMixing(of group: LinearGroup) -> KroneckerTransform? {
    guard case .valueHeads(_, let heads, _, let headSize) = group.source, heads > 1,
      let hadamard = try? HadamardTransform(order: heads)
    else { return nil }
    return KroneckerTransform(left: hadamard, right: IdentityTransform(headSize))
  }
}

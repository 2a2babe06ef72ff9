import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Rotations that spread outliers over all channels, placed as in QuaRot and SpinQuant.
///
/// | name | where | at run time |
/// |---|---|---|
/// | R1 | residual stream | folded |
/// | R2 | each value head, undone by the attention output | folded |
/// | R3 | queries and keys behind the rotary embedding, when the cache is quantized | online |
/// | R4 | input of the down projection | online |
///
/// In Mamba, numbered as in MambaQuant:
///
/// | name | where | at run time |
/// |---|---|---|
/// | R1 | residual stream | folded |
/// | R2 | input of the output projection | online |
/// | R5 | input of the step projection | folded |
/// | R6 | input of the selection, behind the convolution | online |
///
/// Source: Ashkboos et al., arXiv 2404.00456.
public struct RotationMethod: QuantizationMethod {
  public static let name = "rotation"
  /// The matrix of R1.
  public let residual: RotationKind
  /// The matrix of R2.
  public let heads: RotationKind
  /// The matrix of R3 and R4.
  public let online: RotationKind
  /// How the weights are chosen.
  public let solver: WeightSolver
  /// The seed of random matrices.
  public let seed: UInt64
  /// Whether rotations that cost run time (R3, R4) are used; without them every reader of the checkpoint gets the
  /// model right.
  public let usesOnlineRotations: Bool

  public init(
    residual: RotationKind, heads: RotationKind, online: RotationKind, solver: WeightSolver = .gptq(GPTQ()),
    seed: UInt64 = 0, usesOnlineRotations: Bool = true
  ) {
    self.residual = residual
    self.heads = heads
    self.online = online
    self.solver = solver
    self.seed = seed
    self.usesOnlineRotations = usesOnlineRotations
  }

  /// The same matrix in all places.
  public init(
    kind: RotationKind = .hadamard, solver: WeightSolver = .gptq(GPTQ()), seed: UInt64 = 0,
    usesOnlineRotations: Bool = true
  ) {
    self.init(
      residual: kind, heads: kind, online: kind, solver: solver, seed: seed, usesOnlineRotations: usesOnlineRotations)
  }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) throws -> Plan {
    var plan = Plan.uniform(method: Self.name, outline, preset: preset, solver: solver, exceptions)
    plan.residual = try residual.rotation(of: outline.hiddenSize, place: .folded, stream: stream("R1"))
    for (layer, block) in outline.blocks.enumerated() {
      for group in block.groups {
        switch group.source {
        case .norm: continue
        case .valueHeads:
          plan.groups[group.id]?.transform = .fixed(try heads.rotation(of: group, stream: stream("R2", layer)))
        case .gatedProduct:
          guard usesOnlineRotations else { continue }
          plan.groups[group.id]?.transform = .fixed(try online.rotation(of: group, stream: stream("R4", layer)))
        case .projection:
          plan.groups[group.id]?.transform = .fixed(try online.rotation(of: group, stream: stream("R5", layer)))
        case .convolution, .gatedScan:
          guard usesOnlineRotations else { continue }
          let stream = stream(group.source.schemeBase, layer)
          plan.groups[group.id]?.transform = .fixed(try online.rotation(of: group, stream: stream))
        }
      }
    }
    if usesOnlineRotations, preset.cache != nil, let site = outline.blocks.first?.attention {
      plan.keys = try online.rotation(of: site.headSize, place: .online, stream: stream("R3"))
    }
    return plan
  }

  private func stream(_ name: String, _ layer: Int = 0) -> RandomStream {
    RandomStream(seed: seed, purpose: "rotation/\(name)", index: UInt64(layer))
  }
}

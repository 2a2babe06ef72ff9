import WalshModels

/// Every group by one solver, without a transform: round to nearest, or GPTQ.
public struct PlainMethod: QuantizationMethod {
  public static let name = "rtn"
  /// How the weights are chosen.
  public let solver: WeightSolver

  public init(solver: WeightSolver) { self.solver = solver }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) -> Plan {
    .uniform(method: solver.needsHessian ? "gptq" : Self.name, outline, preset: preset, solver: solver, exceptions)
  }
}

extension Plan {
  /// A plan that treats every group but the output layer the same, without transforms.
  ///
  /// A group of which any layer is excepted keeps its activation in full precision for that layer alone: the group's
  /// layers are planned one by one by the engine, the exceptions are listed in `exceptions`.
  static func uniform(
    method: String, _ outline: ModelOutline, preset: Preset, solver: WeightSolver, _ exceptions: LayerSelection
  ) -> Plan {
    var plan = Plan(method: method, preset: preset, cache: preset.cache, exceptions: exceptions)
    for group in outline.blocks.flatMap(\.groups) {
      plan.groups[group.id] = GroupPlan(solver: solver, weights: preset.weights, activations: preset.activations)
    }
    return plan
  }
}

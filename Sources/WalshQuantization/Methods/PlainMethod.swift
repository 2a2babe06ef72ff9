import WalshFormats
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
  /// A plan that treats every group but the output layer the same, without transforms; groups of an excepted layer keep
  /// full precision.
  static func uniform(
    method: String, _ outline: ModelOutline, preset: Preset, solver: WeightSolver, _ exceptions: LayerSelection
  ) -> Plan {
    var plan = Plan(method: method, preset: preset, cache: preset.cache)
    for group in outline.blocks.flatMap(\.groups) {
      let isExcepted = group.layers.contains { exceptions.contains($0) }
      let weights = isExcepted ? nil : preset.weights?.fitted(toWidth: group.width)
      plan.groups[group.id] = GroupPlan(
        solver: solver, weights: weights, activations: weights == nil ? nil : preset.activations)
    }
    return plan
  }
}

extension NumericFormat {
  /// This format with a group size that divides `width`, as readers of integer checkpoints demand: the largest power of
  /// two from 32 up, else one scale per row. Block formats (MX, NV) have a fixed block and stay as they are; nil for
  /// their 4-bit ones and an odd width, because readers take two codes in every byte for two columns.
  func fitted(toWidth width: Int) -> NumericFormat? {
    if element == .e2m1, width % 2 == 1 { return nil }
    guard case .int(let bits) = element, case .group(let size) = granularity, width % size != 0 else { return self }
    var fitting = size
    while fitting >= 32 && width % fitting != 0 { fitting /= 2 }
    return fitting >= 32
      ? .int(bits, group: fitting, symmetric: symmetry == .symmetric)
      : .intPerRow(bits, symmetric: symmetry == .symmetric)
  }
}

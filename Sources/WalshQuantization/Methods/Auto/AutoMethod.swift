import WalshModels

/// Measures transforms, formats and solvers for every linear group and chooses the best plan: `AutoSearch` is its preparation.
///
/// Until it has measured, its plan is the preset's by GPTQ.
public struct AutoMethod: QuantizationMethod {
  public static let name = "auto"
  /// What is asked for beside the method: formats, seed, exceptions, overrides.
  public let request: QuantizationRequest

  public init(_ request: QuantizationRequest) { self.request = request }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) throws -> Plan {
    var plan = Plan.uniform(
      method: Self.name, outline, preset: preset, solver: (request.solver ?? .gptq).weightSolver, exceptions)
    plan.preparation = AutoSearch(request: request, outline: outline, exceptions: exceptions)
    return plan
  }
}

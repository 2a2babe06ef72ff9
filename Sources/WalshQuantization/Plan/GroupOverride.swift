import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// What one kind of group, or one group, does differently from the rest of a request; nil leaves the request's choice.
public struct GroupOverride: Sendable, Hashable {
  /// The format of the weights.
  public var weights: Precision?
  /// The format of the activation.
  public var activations: Precision?
  /// The transform of the activation.
  public var transform: Transform?
  /// How the weights are chosen.
  public var solver: QuantizationRequest.Solver?

  public init(
    weights: Precision? = nil, activations: Precision? = nil, transform: Transform? = nil,
    solver: QuantizationRequest.Solver? = nil
  ) {
    self.weights = weights
    self.activations = activations
    self.transform = transform
    self.solver = solver
  }

  /// A number format, or none.
  public enum Precision: Sendable, Hashable, CustomStringConvertible {
    /// Full precision.
    case full
    /// Rounded to a format.
    case format(NumericFormat)

    /// The precision called `full`, or by the name of a format such as `INT8/row`; nil when there is none. `NVFP4` is that
    /// of the presets, in compressed-tensors' arithmetic.
    public init?(name: String) {
      if name.lowercased() == "full" {
        self = .full
      } else if name.uppercased() == "NVFP4" {
        self = .format(.nvfp4(.compressedTensors))
      } else if let format = NumericFormat(name: name) {
        self = .format(format)
      } else {
        return nil
      }
    }

    public var description: String { format?.name ?? "full" }

    /// The format; nil for full precision.
    public var format: NumericFormat? {
      if case .format(let format) = self { format } else { nil }
    }
  }

  /// A transform by name.
  public enum Transform: Sendable, Hashable, CustomStringConvertible {
    /// None.
    case none
    /// SmoothQuant's scales with the request's strength.
    case smoothing
    /// A rotation: of each head behind attention, of the whole width elsewhere.
    case rotation(RotationKind)

    /// The names of all transforms.
    public static let names = ["none", "smoothing"] + RotationKind.allCases.map(\.rawValue)

    /// The transform called `name`; nil when there is none.
    public init?(name: String) {
      switch name {
      case "none": self = .none
      case "smoothing": self = .smoothing
      default:
        guard let kind = RotationKind(rawValue: name) else { return nil }
        self = .rotation(kind)
      }
    }

    public var description: String {
      switch self {
      case .none: "none"
      case .smoothing: "smoothing"
      case .rotation(let kind): kind.rawValue
      }
    }
  }
}

extension GroupOverride: CustomStringConvertible {
  /// The settings, such as `weights INT8/row, solver rtn`.
  public var description: String {
    var parts: [String] = []
    if let weights { parts.append("weights \(weights)") }
    if let activations { parts.append("activations \(activations)") }
    if let transform { parts.append("transform \(transform)") }
    if let solver { parts.append("solver \(solver.rawValue)") }
    return parts.joined(separator: ", ")
  }
}

extension QuantizationRequest {
  /// Changes `plan` as the overrides say: those of roles first, then those of single groups. Excepted groups stay in full
  /// precision whatever an override says.
  ///
  /// - Throws: `QuantizationError` for an override of no role and no group of the model.
  func override(_ plan: inout Plan, for outline: ModelOutline, exceptions: LayerSelection) throws {
    let groups = outline.blocks.flatMap(\.groups)
    for (key, override) in overrides.sorted(by: { $0.key < $1.key })
    where !groups.contains(where: { $0.role == key || $0.id == key }) {
      let roles = outline.blocks.first?.groups.map(\.role).joined(separator: ", ") ?? ""
      throw QuantizationError(
        "groups.\(key)",
        "the model has no such group to give \(override); use a role (\(roles)) or a group such as \(groups[0].id).")
    }
    for group in groups {
      let isExcepted = group.layers.contains { exceptions.contains($0) }
      for override in [overrides[group.role], overrides[group.id]].compactMap(\.self) {
        try apply(override, to: group, of: &plan, keepingPrecision: isExcepted)
      }
    }
  }

  private func apply(
    _ override: GroupOverride, to group: LinearGroup, of plan: inout Plan, keepingPrecision: Bool
  ) throws {
    var groupPlan = plan[group]
    if let weights = override.weights, !keepingPrecision {
      groupPlan.weights = weights.format?.fitted(toWidth: group.width)
      if weights != .full, groupPlan.weights == nil {
        throw QuantizationError(
          "groups.\(group.role)",
          "\(weights) stores an even number of columns, but \(group.id) has \(group.width); choose an integer format."
        )
      }
      if weights == .full { groupPlan.activations = nil }
    }
    if let activations = override.activations, !keepingPrecision { groupPlan.activations = activations.format }
    if let solver = override.solver { groupPlan.solver = solver.weightSolver }
    switch override.transform {
    case nil: break
    case .some(.none): groupPlan.transform = .none
    case .smoothing:
      guard group.source.absorbsScales else {
        throw QuantizationError(
          "groups.\(group.role)", "nothing before \(group.id) absorbs scales; give it a rotation or no transform.")
      }
      groupPlan.transform = .calibrated(SmoothingScales(strength: smoothing))
    case .rotation(let kind):
      let stream = RandomStream(seed: seed, purpose: "rotation/\(group.id)")
      groupPlan.transform = .fixed(try kind.rotation(of: group, stream: stream))
    }
    plan.groups[group.id] = groupPlan
  }
}

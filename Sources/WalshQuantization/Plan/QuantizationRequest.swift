import WalshFormats
import WalshModels

/// What a user asks for: the method, the formats and their settings, as flags or a recipe file say it.
///
/// Two equal requests for the same model and calibration text give the same bytes.
public struct QuantizationRequest: Sendable, Hashable {
  /// The methods by their names on the command line.
  public enum Method: String, Sendable, CaseIterable {
    /// Round to nearest.
    case rtn
    /// GPTQ without a transform.
    case gptq
    /// Rotations of one kind in QuaRot's places.
    case rotation
    /// QuaRot: random Hadamard rotations, heads mixed at run time.
    case quarot
    /// SpinQuant: learned rotations.
    case spinquant
    /// SmoothQuant's scales.
    case smoothquant
    /// FlatQuant's learned transforms, scales and clipping.
    case flatquant
    /// The best of what is measured, group by group.
    case auto
    /// Searched rotations of the blocks that share a scale.
    case duQuantPlusPlus = "duquant++"
    /// Searched rotations with permutations between them.
    case duQuant = "duquant"
    /// Hadamard transforms of the blocks that share a scale, and GPTQ with static scales.
    case mrGPTQ = "mr-gptq"
  }

  /// The solvers by their names on the command line.
  public enum Solver: String, Sendable, CaseIterable {
    /// Round to nearest with scales from the largest magnitude.
    case rtn
    /// Round to nearest with scales searched for the least squared error.
    case mse
    /// GPTQ.
    case gptq
    /// GPTQ in the order of descending activations.
    case gptqByActivation = "gptq-act-order"
  }

  /// The method.
  public var method: Method
  /// The formats.
  public var preset: Preset
  /// The matrix of the rotation method.
  public var rotation: RotationKind
  /// Whether methods that rotate may use rotations that cost run time.
  public var usesOnlineRotations: Bool
  /// How SpinQuant learns.
  public var spinQuant: SpinQuantSettings
  /// What `auto` may spend.
  public var auto: AutoSettings
  /// How weights are chosen; nil for the method's own choice: GPTQ for `gptq`, `mr-gptq` and methods that rotate, else
  /// round to nearest, for `duquant++` with searched scales.
  public var solver: Solver?
  /// SmoothQuant's α.
  public var smoothing: Double
  /// What FlatQuant learns, and how.
  public var flatQuant = FlatQuantSettings()
  /// DuQuant++'s settings.
  public var duQuantPlusPlus = DuQuantPlusPlusSettings()
  /// DuQuant's settings.
  public var duQuant = DuQuantSettings()
  /// MR-GPTQ's settings.
  public var mrGPTQ = MRGPTQSettings()
  /// The seed of random rotations and of the choice of calibration samples.
  public var seed: UInt64
  /// Patterns of layers that stay in full precision.
  public var exceptions: [String]
  /// The number of calibration samples.
  public var samples: Int
  /// The most tokens of a calibration sample.
  public var context: Int
  /// What kinds of groups, by role such as `mlp.output`, or single groups, by id such as `layers.0.mlp.output`, do
  /// differently.
  public var overrides: [String: GroupOverride]

  public init(
    method: Method, preset: Preset, rotation: RotationKind = .hadamard, usesOnlineRotations: Bool = true,
    spinQuant: SpinQuantSettings = SpinQuantSettings(), auto: AutoSettings = AutoSettings(), solver: Solver? = nil,
    smoothing: Double = 0.5, seed: UInt64 = 0, exceptions: [String] = [], samples: Int = 128,
    context: Int = 2048, overrides: [String: GroupOverride] = [:]
  ) {
    self.method = method
    self.preset = preset
    self.rotation = rotation
    self.usesOnlineRotations = usesOnlineRotations
    self.spinQuant = spinQuant
    self.auto = auto
    self.solver = solver
    self.smoothing = smoothing
    self.seed = seed
    self.exceptions = exceptions
    self.samples = samples
    self.context = context
    self.overrides = overrides
  }

  /// The plan that the request makes of a model.
  ///
  /// - Throws: `QuantizationError` for an exception or an override that matches nothing, settings out of range, and
  ///   formats that no checkpoint can store.
  public func plan(for outline: ModelOutline) throws -> Plan {
    let selection = try LayerSelection(exceptions)
    let layers = outline.blocks.flatMap(\.groups).flatMap(\.layers)
    if let pattern = selection.unmatchedPattern(in: layers + outline.head.layers) {
      throw QuantizationError(
        "--except \(pattern)", "no layer has this name; \(layers[0]) is one, and re:.*o_proj selects by pattern.")
    }
    guard (0...1).contains(smoothing) else {
      throw QuantizationError("--smoothing \(smoothing)", "the strength must be from 0 to 1.")
    }
    guard samples > 0, context > 1 else {
      throw QuantizationError(
        "--samples \(samples) --context \(context)", "at least one sample of two tokens is needed.")
    }
    var plan = try quantizationMethod.plan(for: outline, preset: preset, exceptions: selection)
    try override(&plan, for: outline, exceptions: selection)
    try plan.checkFormats(outline)
    try plan.preparation?.check(plan, for: outline)
    return plan
  }

  private var quantizationMethod: any QuantizationMethod {
    func weightSolver(_ fallback: Solver) -> WeightSolver { (solver ?? fallback).weightSolver }
    switch method {
    case .rtn: return PlainMethod(solver: weightSolver(.rtn))
    case .gptq: return PlainMethod(solver: weightSolver(.gptq))
    case .rotation:
      return RotationMethod(
        kind: rotation, solver: weightSolver(.gptq), seed: seed, usesOnlineRotations: usesOnlineRotations)
    case .quarot:
      return QuaRotMethod(solver: weightSolver(.gptq), seed: seed, usesOnlineRotations: usesOnlineRotations)
    case .spinquant:
      return SpinQuantMethod(
        settings: spinQuant, solver: weightSolver(.gptq), seed: seed, usesOnlineRotations: usesOnlineRotations)
    case .smoothquant: return SmoothQuantMethod(strength: smoothing, solver: weightSolver(.rtn))
    case .flatquant:
      // Rows are clipped by then: their scales are those of what remains.
      let weights = solver == .gptq ? WeightSolver.gptq(GPTQ()) : weightSolver(.rtn)
      return FlatQuantMethod(flatQuant, solver: weights, seed: seed)
    case .auto: return AutoMethod(self)
    case .duQuantPlusPlus:
      return DuQuantPlusPlusMethod(settings: duQuantPlusPlus, solver: weightSolver(.mse), seed: seed)
    case .duQuant: return DuQuantMethod(settings: duQuant, solver: weightSolver(.rtn), seed: seed)
    case .mrGPTQ:
      switch solver {
      case nil, .gptq, .gptqByActivation:
        return MRGPTQMethod(settings: mrGPTQ, ordersByActivation: solver == .gptqByActivation)
      case .rtn, .mse: return MRGPTQMethod(settings: mrGPTQ, solver: weightSolver(.rtn))
      }
    }
  }

  /// A line that names every setting, for the journal and for people.
  public var summary: String {
    var parts = ["\(preset.name)", method.rawValue]
    if method == .rotation { parts.append(rotation.rawValue) }
    if method == .spinquant { parts.append("\(spinQuant)") }
    if method.rotates, !usesOnlineRotations { parts.append("folded only") }
    if method == .auto { parts.append("\(auto)") }
    if method == .smoothquant { parts.append("α = \(smoothing)") }
    if method == .flatquant, !flatQuant.changes.isEmpty { parts.append("flatquant: \(flatQuant.changes)") }
    if method == .duQuantPlusPlus { parts.append("\(duQuantPlusPlus)") }
    if method == .duQuant { parts.append("\(duQuant)") }
    if method == .mrGPTQ { parts.append("\(mrGPTQ)") }
    if let solver { parts.append(solver.rawValue) }
    parts.append("seed \(seed)")
    for (key, override) in overrides.sorted(by: { $0.key < $1.key }) { parts.append("\(key): \(override)") }
    if !exceptions.isEmpty { parts.append("except \(exceptions.joined(separator: ", "))") }
    return parts.joined(separator: ", ")
  }
}

extension QuantizationRequest.Method {
  /// Whether the method rotates, in places that may cost run time.
  var rotates: Bool { [.rotation, .quarot, .spinquant].contains(self) }
}

extension QuantizationRequest.Solver {
  /// The solver with its settings.
  var weightSolver: WeightSolver {
    switch self {
    case .rtn: .roundToNearest(.minMax)
    case .mse: .roundToNearest(.searched)
    case .gptq: .gptq(GPTQ(scales: .searched))
    case .gptqByActivation: .gptq(GPTQ(ordersByActivation: true, scales: .searched))
    }
  }
}

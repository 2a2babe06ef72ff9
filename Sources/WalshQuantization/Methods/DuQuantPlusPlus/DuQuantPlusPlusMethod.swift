import WalshFormats
import WalshModels

/// DuQuant++: smoothing, then a rotation of every block of 32 channels that share a scale, searched on calibration text.
///
/// Source: arXiv 2604.17789, which the folder's README compares with its released code.
public struct DuQuantPlusPlusMethod: QuantizationMethod {
  public static let name = "duquant++"
  /// The method's own settings.
  public let settings: DuQuantPlusPlusSettings
  /// How the weights are chosen; GPTQ is the starred variant of the paper.
  public let solver: WeightSolver
  /// The seed of random completions.
  public let seed: UInt64

  public init(
    settings: DuQuantPlusPlusSettings = DuQuantPlusPlusSettings(),
    solver: WeightSolver = .roundToNearest(.searched), seed: UInt64 = 0
  ) {
    self.settings = settings
    self.solver = solver
    self.seed = seed
  }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) -> Plan {
    var plan = Plan.uniform(method: Self.name, outline, preset: preset, solver: solver, exceptions)
    for id in plan.groups.keys { plan.groups[id]?.transform = transform(for: preset) }
    return plan
  }

  /// The transform of any group of a model in the formats of `preset`.
  func transform(for preset: Preset) -> GroupTransform {
    let steps: [OutlierCalibration.Step] =
      switch (settings.permutation, settings.rotations) {
      case (.none, .single): [.rotation]
      case (.none, .dual): [.rotation, .rotation]
      case (.zigzag, .single): [.zigzag, .rotation]
      case (.zigzag, .dual): [.rotation, .zigzag, .rotation]
      }
    return .calibrated(
      OutlierCalibration(
        smoothing: settings.smoothing.map { OutlierSmoothing(strength: $0, weights: settings.smoothingWeights) },
        steps: steps, blockSize: settings.blockSize, scope: settings.scope,
        search: settings.search, format: preset.activations ?? preset.weights ?? .mxfp4, rowCount: settings.rows,
        seed: seed))
  }
}

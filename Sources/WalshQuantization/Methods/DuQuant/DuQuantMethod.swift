import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// DuQuant: smoothing, then rotations of blocks with zigzag permutations between them, for integers with a scale per token.
///
/// x ← x·Λ⁻¹·R₁·P·R₂. Queries and keys take a Hadamard transform of each head when the cache is quantized.
///
/// Source: Lin et al., arXiv 2406.01721.
public struct DuQuantMethod: QuantizationMethod {
  public static let name = "duquant"
  /// The method's own settings.
  public let settings: DuQuantSettings
  /// How the weights are chosen.
  public let solver: WeightSolver
  /// The seed of random completions.
  public let seed: UInt64

  public init(
    settings: DuQuantSettings = DuQuantSettings(), solver: WeightSolver = .roundToNearest(.minMax), seed: UInt64 = 0
  ) {
    self.settings = settings
    self.solver = solver
    self.seed = seed
  }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) throws -> Plan {
    var plan = Plan.uniform(method: Self.name, outline, preset: preset, solver: solver, exceptions)
    for group in outline.blocks.flatMap(\.groups) {
      plan.groups[group.id]?.transform = transform(ofWidth: group.width, for: preset)
      plan.groups[group.id]?.weightClip = ClipRatio(
        lower: Float(settings.weightClip), upper: Float(settings.weightClip))
    }
    if preset.cache != nil, let site = outline.blocks.first?.attention {
      plan.keys = try RotationKind.hadamard.rotation(
        of: site.headSize, place: .online, stream: RandomStream(seed: seed, purpose: "duquant/keys"))
    }
    return plan
  }

  private func transform(ofWidth width: Int, for preset: Preset) -> GroupTransform {
    let rounds = Array(repeating: [OutlierCalibration.Step.rotation, .zigzag], count: settings.permutations)
    let largest = (1...min(settings.blockSize, width)).last { width % $0 == 0 } ?? 1
    return .calibrated(
      OutlierCalibration(
        smoothing: settings.smoothing.map { OutlierSmoothing(strength: $0) },
        steps: rounds.flatMap(\.self) + [.rotation], blockSize: largest, scope: .shared, search: settings.search,
        format: preset.activations ?? preset.weights ?? .intPerRow(4), rowCount: settings.rows, seed: seed))
  }
}

import WalshFormats
import WalshModels
import WalshTransforms

/// MR-GPTQ: a Hadamard transform of every group that shares a scale, then GPTQ with scales fixed beforehand.
///
/// Source: arXiv 2509.23202, `FP-Quant`.
public struct MRGPTQMethod: QuantizationMethod {
  public static let name = "mr-gptq"
  /// The method's own settings.
  public let settings: MRGPTQSettings
  /// How the weights are chosen.
  public let solver: WeightSolver

  /// - Parameters:
  ///   - settings: the method's own settings.
  ///   - ordersByActivation: whether GPTQ goes through columns in the order of descending activations.
  public init(settings: MRGPTQSettings = MRGPTQSettings(), ordersByActivation: Bool = false) {
    let scales: ScaleSearch = settings.scales == .search ? .shrunk : .minMax
    self.init(
      settings: settings,
      solver: .gptq(GPTQ(ordersByActivation: ordersByActivation, scales: scales, inputs: .exact)))
  }

  /// The method with another solver.
  public init(settings: MRGPTQSettings, solver: WeightSolver) {
    self.settings = settings
    self.solver = solver
  }

  public func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) -> Plan {
    var plan = Plan.uniform(method: Self.name, outline, preset: preset, solver: solver, exceptions)
    for group in outline.blocks.flatMap(\.groups) {
      plan.groups[group.id]?.transform = .fixed(Self.blockHadamard(group.width, size: blockSize(for: preset)))
    }
    return plan
  }

  /// The group of the weights' format; 128 for formats with a scale per row.
  private func blockSize(for preset: Preset) -> Int {
    if let blockSize = settings.blockSize { return blockSize }
    if case .group(let size) = preset.weights?.granularity { return size }
    return 128
  }

  /// Hadamard transforms of `size` channels along the diagonal; of the largest order that there is in what is left over.
  static func blockHadamard(_ width: Int, size: Int) -> any LinearTransform {
    let blocks = ChannelBlocks(width: width, size: size)
    func repeated(over width: Int) -> any LinearTransform {
      let order = HadamardMatrix.largestOrder(dividing: width)
      guard let block = try? HadamardTransform(order: order) else {
        preconditionFailure("\(order) was said to be the order of a known Hadamard matrix.")
      }
      return order == width ? block : BlockDiagonalTransform(block: block, count: width / order)
    }
    return blocks.transform(repeating: { repeated(over: size) }, last: { repeated(over: blocks.rest) })
  }
}

import WalshFormats

/// How the numbers of a weight are chosen within its format.
public enum WeightSolver: Sendable, Hashable, CustomStringConvertible {
  /// Each weight goes to the nearest number of the format.
  case roundToNearest(ScaleSearch)
  /// Column by column, the rounding error is undone by the columns not yet rounded.
  case gptq(GPTQ)

  /// Whether the solver needs the second moment of the layer's inputs.
  public var needsHessian: Bool {
    if case .gptq = self { true } else { false }
  }

  /// How scales are chosen.
  public var scaleSearch: ScaleSearch {
    switch self {
    case .roundToNearest(let search): search
    case .gptq(let gptq): gptq.scales
    }
  }

  public var description: String {
    switch self {
    case .roundToNearest(.minMax): "RTN"
    case .roundToNearest: "RTN, searched scales"
    case .gptq(let gptq): gptq.description
    }
  }
}

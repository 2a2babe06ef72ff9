/// How AdaHOP computes one product, by the names of the official recipe files.
public enum ProductMode: String, Sendable, Hashable, CaseIterable {
  /// MXFP4 without rotation.
  case none
  /// Both operands rotated along the contraction axis: IHT.
  case hadamard
  /// Both operands rotated along their outer axes, undone after the product: OHT, as in HALO.
  case outerHadamard = "outer_hadamard"
  /// IHT, the largest rows of the left operand computed apart.
  case extractLeft = "inner_outlier_extract_left"
  /// IHT, the largest columns of the right operand computed apart.
  case extractRight = "inner_outlier_extract_right"
  /// bfloat16.
  case fullPrecision = "full_precision"
}

/// The modes of a layer's three products.
public struct LayerModes: Sendable, Hashable {
  /// Y = X·Wᵀ, `forward_y`.
  public var forward: ProductMode
  /// dX = E·W, `backward_gx`.
  public var inputGradient: ProductMode
  /// dW = Eᵀ·X, `backward_gw`. `extractLeft` is executed as `hadamard` there: X is stored as MXFP4 only.
  public var weightGradient: ProductMode

  public init(forward: ProductMode, inputGradient: ProductMode, weightGradient: ProductMode) {
    self.forward = forward
    self.inputGradient = inputGradient
    self.weightGradient = weightGradient
  }

  /// One mode for all three.
  public static func all(_ mode: ProductMode) -> Self {
    Self(forward: mode, inputGradient: mode, weightGradient: mode)
  }
}

/// Which mode a product gets for the patterns of its operands, as the product uses them. AdaHOP, section 2.2.
public struct PatternTable: Sendable, Hashable {
  /// The patterns of a product's operands.
  public struct Pair: Sendable, Hashable {
    /// The pattern of A `[m, k]`.
    public let left: OutlierPattern
    /// The pattern of B `[k, n]`.
    public let right: OutlierPattern

    public init(_ left: OutlierPattern, _ right: OutlierPattern) {
      self.left = left
      self.right = right
    }
  }

  /// The modes; a pair that is missing is computed without rotation.
  public var modes: [Pair: ProductMode]

  public init(_ modes: [Pair: ProductMode]) { self.modes = modes }

  /// Everything quantized; two columns of outliers extract on the right.
  public static let lv1 = lv2.replacing(Pair(.column, .column), with: .extractRight)

  /// As Lv1, but two columns of outliers are computed in bfloat16: attention's K and V projections, mostly.
  public static let lv2 = PatternTable([
    Pair(.row, .row): .hadamard, Pair(.row, .column): .extractRight, Pair(.row, .none): .extractLeft,
    Pair(.column, .row): .hadamard, Pair(.column, .column): .fullPrecision, Pair(.column, .none): .hadamard,
    Pair(.none, .row): .hadamard, Pair(.none, .column): .extractRight, Pair(.none, .none): .hadamard,
  ])

  private func replacing(_ pair: Pair, with mode: ProductMode) -> PatternTable {
    var result = self
    result.modes[pair] = mode
    return result
  }

  /// The mode of a pair.
  public func mode(_ left: OutlierPattern, _ right: OutlierPattern) -> ProductMode {
    modes[Pair(left, right)] ?? .none
  }

  /// The modes of a layer whose stored tensors have `patterns`.
  public func modes(for patterns: LayerPatterns) -> LayerModes {
    LayerModes(
      forward: mode(patterns.x, patterns.w.transposed),
      inputGradient: mode(patterns.gradient, patterns.w),
      weightGradient: mode(patterns.gradient.transposed, patterns.x))
  }
}

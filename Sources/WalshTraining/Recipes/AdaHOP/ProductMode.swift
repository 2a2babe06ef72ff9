/// How AdaHOP computes one product A·B, by the names of the official recipe files. AdaHOP, sections 2.2, 2.6 and 2.7.
///
/// The official files name three more modes than any published code implements: `extractLeftColumns` and the two that
/// extract under an outer rotation. They do here what their names say.
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
  /// IHT, the largest columns of the left operand computed apart, together with the rows of the right operand that they
  /// meet, as in LLM.int8: it takes out inner outliers, which rotation only spreads.
  case extractLeftColumns = "inner_outlier_extract_left_col"
  /// OHT, the largest rows of the left operand computed apart.
  case outerExtractLeft = "outer_outlier_extract_left"
  /// OHT, the largest columns of the right operand computed apart.
  case outerExtractRight = "outer_outlier_extract_right"
  /// bfloat16.
  case fullPrecision = "full_precision"

  /// What the weight gradient executes: the rows of Eᵀ would be multiplied with X in bfloat16, which is stored quantized
  /// only, so that extracting on the left falls back to rotating.
  public var inWeightGradient: ProductMode {
    switch self {
    case .extractLeft: .hadamard
    case .outerExtractLeft: .outerHadamard
    case .none, .hadamard, .outerHadamard, .extractRight, .extractLeftColumns, .outerExtractRight, .fullPrecision:
      self
    }
  }
}

/// The three products of a linear layer, by the names of the official files.
public enum ProductSlot: String, Sendable, Hashable, CaseIterable {
  /// Y = X·Wᵀ.
  case forward = "forward_y"
  /// dX = E·W.
  case inputGradient = "backward_gx"
  /// dW = Eᵀ·X.
  case weightGradient = "backward_gw"
}

/// The modes of a layer's three products.
public struct LayerModes: Sendable, Hashable {
  /// Y = X·Wᵀ, `forward_y`.
  public var forward: ProductMode
  /// dX = E·W, `backward_gx`.
  public var inputGradient: ProductMode
  /// dW = Eᵀ·X, `backward_gw`, executed as `ProductMode.inWeightGradient`.
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

  /// The mode of one product.
  public subscript(slot: ProductSlot) -> ProductMode {
    switch slot {
    case .forward: forward
    case .inputGradient: inputGradient
    case .weightGradient: weightGradient
    }
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
  public static let lv1 = lv2.replacing([Pair(.column, .column)], with: .extractRight)

  /// As Lv1, but two columns of outliers are computed in bfloat16: attention's K and V projections, mostly.
  public static let lv2 = PatternTable([
    Pair(.row, .row): .hadamard, Pair(.row, .column): .extractRight, Pair(.row, .none): .extractLeft,
    Pair(.column, .row): .hadamard, Pair(.column, .column): .fullPrecision, Pair(.column, .none): .hadamard,
    Pair(.none, .row): .hadamard, Pair(.none, .column): .extractRight, Pair(.none, .none): .hadamard,
  ])

  /// Lv1 with the inner outliers of the left operand extracted wherever it has columns of them, which the paper does not
  /// try: by section 4.2's study it beats rotation while few channels carry the outliers.
  public static let innerColumns = lv1.replacing(
    OutlierPattern.allCases.map { Pair(.column, $0) }, with: .extractLeftColumns)

  private func replacing(_ pairs: [Pair], with mode: ProductMode) -> PatternTable {
    var result = self
    for pair in pairs { result.modes[pair] = mode }
    return result
  }

  /// The mode of a pair.
  public func mode(_ left: OutlierPattern, _ right: OutlierPattern) -> ProductMode {
    modes[Pair(left, right)] ?? .none
  }

  /// The modes of a layer whose stored tensors have `patterns`.
  public func modes(for patterns: LayerPatterns) -> LayerModes {
    func mode(_ slot: ProductSlot) -> ProductMode { modes[patterns.pair(in: slot)] ?? .none }
    return LayerModes(
      forward: mode(.forward), inputGradient: mode(.inputGradient), weightGradient: mode(.weightGradient))
  }
}

extension LayerPatterns {
  /// The patterns of a product's operands A and B as the product uses them, which may be the transposed tensors.
  public func pair(in slot: ProductSlot) -> PatternTable.Pair {
    switch slot {
    case .forward: PatternTable.Pair(x, w.transposed)
    case .inputGradient: PatternTable.Pair(gradient, w)
    case .weightGradient: PatternTable.Pair(gradient.transposed, x)
    }
  }
}

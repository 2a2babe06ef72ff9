/// How a block's scale is chosen.
public enum ScaleSearch: String, CaseIterable, Codable, Hashable, Sendable {
  /// The format's own rule on the block's extremes.
  case minMax
  /// The candidate with the least squared error on the block, the first of equals (NaN and zero blocks: the rule).
  ///
  /// Floating scales: the extremes times p = 1 − i/100, i = 0…79. E8M0: the FLOOR exponent and the next.
  /// E4M3: the maximum mapped to 6 or to 4, which leaves the tensor scale alone (`E4M3Scheme.fourOverSixMSE` lowers it).
  case searched
  /// The least Σ |x̂ − x|^2.4 among the format's own scales for the extremes times p = 1 − 0.008·i, i = 0…99, the first of
  /// equals (NaN and zero blocks: the rule). MR-GPTQ, arXiv 2509.23202; its released code compares scales before they are
  /// rounded to what is stored, and here every candidate is the stored one.
  case shrunk

  /// The fractions of a block's extremes that the search tries.
  static let fractions: [Float] = (0..<80).map { 1 - Float($0) / 100 }

  /// The fractions that `shrunk` tries.
  static let shrinkFactors: [Float] = (0..<100).map { 1 - 0.008 * Float($0) }
}

/// What remains of a block's extremes before they set its scale; larger values saturate. FlatQuant's learned clipping.
public struct ClipRatio: Codable, Hashable, Sendable {
  /// Times the smallest value, if that is negative.
  public var lower: Float
  /// Times the largest value, if that is positive.
  public var upper: Float

  /// Both factors lie in (0, 1] when they come from a logistic function.
  public init(lower: Float, upper: Float) {
    self.lower = lower
    self.upper = upper
  }

  /// Nothing is clipped.
  public static let none = ClipRatio(lower: 1, upper: 1)
}

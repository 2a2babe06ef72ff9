/// Where the large values of a matrix lie.
public enum OutlierPattern: String, Sendable, Hashable, CaseIterable {
  /// In whole rows, as a few tokens of a gradient.
  case row
  /// In whole columns, as a few channels of an activation.
  case column = "col"
  /// Nowhere in particular.
  case none

  /// The pattern of the transposed matrix.
  public var transposed: OutlierPattern {
    switch self {
    case .row: .column
    case .column: .row
    case .none: .none
    }
  }

  /// The pattern that occurs most often; of equals, the one seen first; `none` when nothing was seen.
  public static func majority(of patterns: [OutlierPattern]) -> OutlierPattern {
    var best = OutlierPattern.none
    var most = 0
    for pattern in patterns {
      let count = patterns.count { $0 == pattern }
      if count > most { (best, most) = (pattern, count) }
    }
    return best
  }
}

/// The patterns of a layer's three tensors as they are stored: `[tokens, features]` or `[outputs, inputs]`.
public struct LayerPatterns: Sendable, Hashable {
  /// The pattern of X.
  public var x: OutlierPattern
  /// The pattern of W.
  public var w: OutlierPattern
  /// The pattern of E = ∂L/∂Y.
  public var gradient: OutlierPattern

  public init(x: OutlierPattern, w: OutlierPattern, gradient: OutlierPattern) {
    self.x = x
    self.w = w
    self.gradient = gradient
  }
}

import WalshCheckpoints

/// A 95 % confidence interval.
public struct ConfidenceInterval: Sendable, Hashable {
  public let low: Double
  public let high: Double

  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  /// Whether `value` lies within, ends included.
  public func contains(_ value: Double) -> Bool { low <= value && value <= high }

  /// `[low, high]`.
  public var json: JSON { [JSON(finite: low), JSON(finite: high)] }
}

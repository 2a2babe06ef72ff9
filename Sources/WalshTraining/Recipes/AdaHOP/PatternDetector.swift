import WalshTensor

/// Tells rows of outliers from columns of outliers by how much the variances of rows and of columns vary.
///
/// With V the unbiased variances of the r rows of c values, cvRow = (std V / (mean V + 1e−8)) / √(2 / (c − 1)): the
/// coefficient of variation over that of Gaussian data, so that it is about 1 without structure; cvCol likewise for
/// columns. The tensor has the pattern whose number is more than `threshold` times the other. AdaHOP, section 2.3.
///
/// Rows and columns of outliers at once may cancel to `none`, a known weakness.
public struct PatternDetector: Sendable, Hashable {
  /// How many times one number must exceed the other.
  public var threshold = 2.0
  /// What the fourth standardised moment of the winning variances must reach; 0, the default, is always reached.
  public var kurtosisThreshold = 0.0

  public init() {}

  /// The two numbers of `x`.
  public struct Statistics: Sendable, Hashable {
    /// cvRow.
    public let row: Double
    /// cvCol.
    public let column: Double
  }

  /// The pattern of `x`, its leading axes taken together; `none` for fewer than two rows or columns, and for NaN.
  public func pattern(of x: Tensor) -> OutlierPattern {
    guard x.rowCount > 1, x.columns > 1 else { return .none }
    let variances = LineVariances(of: x)
    let found = statistics(variances, of: x)
    if found.row / (found.column + 1e-8) > threshold, isPeaked(variances.rows) { return .row }
    if found.column / (found.row + 1e-8) > threshold, isPeaked(variances.columns) { return .column }
    return .none
  }

  /// cvRow and cvCol of `x`, which must have at least two rows and columns.
  public func statistics(of x: Tensor) -> Statistics {
    precondition(x.rowCount > 1 && x.columns > 1, "Variances need two rows and columns, not a shape of \(x.shape).")
    return statistics(LineVariances(of: x), of: x)
  }

  private func statistics(_ variances: LineVariances, of x: Tensor) -> Statistics {
    func variation(_ values: [Double], samples: Int) -> Double {
      let mean = values.reduce(0, +) / Double(values.count)
      return unbiasedVariance(values).squareRoot() / (mean + 1e-8) / (2 / Double(max(samples - 1, 1))).squareRoot()
    }
    return Statistics(
      row: variation(variances.rows, samples: x.columns), column: variation(variances.columns, samples: x.rowCount))
  }

  /// Whether the fourth standardised moment of `values` reaches the threshold.
  private func isPeaked(_ values: [Double]) -> Bool {
    if kurtosisThreshold <= 0 { return true }
    let mean = values.reduce(0, +) / Double(values.count)
    let second = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    let fourth =
      values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) * ($1 - mean) * ($1 - mean) } / Double(values.count)
    return fourth / (second * second) >= kurtosisThreshold
  }
}

/// Σ (x − mean)² / (n − 1).
private func unbiasedVariance(_ values: [Double]) -> Double {
  let mean = values.reduce(0, +) / Double(values.count)
  return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
}

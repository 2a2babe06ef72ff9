/// How many of a number of independent trials succeeded.
public struct Proportion: Sendable, Hashable {
  public let successes: Int
  public let trials: Int

  /// - Precondition: 0 ≤ successes ≤ trials.
  public init(successes: Int, trials: Int) {
    precondition((0...trials).contains(successes), "\(successes) of \(trials) trials cannot succeed.")
    self.successes = successes
    self.trials = trials
  }

  /// successes / trials; NaN without trials.
  public var value: Double { Double(successes) / Double(trials) }

  /// Wilson's 95 % score interval, (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n) with z = 1.96; [0, 1] without
  /// trials. Source: E. B. Wilson, JASA 22 (1927).
  public var interval: ConfidenceInterval {
    guard trials > 0 else { return ConfidenceInterval(low: 0, high: 1) }
    let z = 1.959_963_984_540_054
    let n = Double(trials)
    let centre = value + z * z / (2 * n)
    let spread = z * (value * (1 - value) / n + z * z / (4 * n * n)).squareRoot()
    let scale = 1 + z * z / n
    return ConfidenceInterval(low: max(0, (centre - spread) / scale), high: min(1, (centre + spread) / scale))
  }
}

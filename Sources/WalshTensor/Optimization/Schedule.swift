import Foundation

/// The learning rate of every step: a linear warm-up, then a shape that ends at a share of the peak.
///
/// With s from 0, W warm-up steps, N steps in all, peak η and final rate f·η:
///
///     s < W:      η·(s + 1)/W
///     constant:   η
///     linear:     η·(1 − (1 − f)·p)                      p = (s − W)/(N − W)
///     cosine:     η·(f + (1 − f)·½(1 + cos πp))
///     wsd:        η, and over the last D steps linear from η to f·η at step N    (warm-up, stable, decay)
///
/// The final rate is that of step N, one beyond the last, so that no step is wasted at rate 0. Sources: Loshchilov and
/// Hutter, arXiv 1608.03983 (cosine); Hu et al., arXiv 2404.06395 (WSD).
public struct Schedule: Sendable, Hashable {
  /// What follows the warm-up.
  public enum Shape: String, Sendable, CaseIterable {
    case constant, linear, cosine, wsd
  }

  /// What follows the warm-up.
  public var shape: Shape
  /// η, above 0.
  public var peak: Double
  /// f, from 0 to 1.
  public var finalShare: Double
  /// W.
  public var warmUp: Int
  /// D as a share of the run, for `wsd`.
  public var decayShare: Double
  /// N.
  public var steps: Int

  public init(
    shape: Shape = .cosine, peak: Double, finalShare: Double = 0.1, warmUp: Int = 0, decayShare: Double = 0.2,
    steps: Int
  ) {
    self.shape = shape
    self.peak = peak
    self.finalShare = finalShare
    self.warmUp = warmUp
    self.decayShare = decayShare
    self.steps = steps
  }

  /// The learning rate of step `step`, from 0.
  public func rate(at step: Int) -> Double {
    if step < warmUp { return peak * Double(step + 1) / Double(warmUp) }
    switch shape {
    case .constant: return peak
    case .linear: return falling(from: warmUp, at: step) { 1 - $0 }
    case .cosine: return falling(from: warmUp, at: step) { 0.5 * (1 + cos(.pi * $0)) }
    case .wsd:
      let start = max(warmUp, steps - Int((decayShare * Double(steps)).rounded()))
      return falling(from: start, at: step) { 1 - $0 }
    }
  }

  /// The peak times what `curve`, which falls from 1 to 0, leaves above the final share between `start` and `steps`.
  private func falling(from start: Int, at step: Int, _ curve: (Double) -> Double) -> Double {
    guard step > start else { return peak }
    let progress = min(1, Double(step - start) / Double(steps - start))
    return peak * (finalShare + (1 - finalShare) * curve(progress))
  }
}

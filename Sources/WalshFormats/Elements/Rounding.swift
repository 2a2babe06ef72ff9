import WalshTensor

/// How a value between two neighbours of a grid is rounded.
///
/// The rule acts on magnitudes, so every variant is symmetric about zero.
public enum Rounding: Sendable {
  /// To the nearer neighbour; a tie goes to the even code. What hardware, torchao and compressed-tensors do.
  case nearestEven
  /// To the nearer neighbour; a tie goes to the smaller magnitude. What ggml and MLX's CPU fallback do.
  case nearestTowardZero
  /// To the nearer neighbour; a tie goes to the larger magnitude. What microxcaling's `nearest` does.
  case nearestAwayFromZero
  /// To the upper neighbour with probability (v − lower) / (upper − lower): unbiased unless the value saturates.
  ///
  /// The element's index in its tensor is the position in the stream, and 24 random bits decide, so the outcome
  /// depends on neither the number of threads nor the order of the work. Use a fresh stream for every tensor and step.
  case stochastic(RandomStream)

  /// Whether a magnitude that lies `fraction` (in [0, 1)) of a step above a grid point moves up.
  ///
  /// - Parameters:
  ///   - fraction: the distance to the grid point below, in steps.
  ///   - odd: whether that grid point has an odd code.
  ///   - index: the element's position in the random stream.
  @inline(__always)
  func roundsUp(fraction: Float, odd: Bool, index: Int) -> Bool {
    switch self {
    case .nearestEven: fraction > 0.5 || (fraction == 0.5 && odd)
    case .nearestTowardZero: fraction > 0.5
    case .nearestAwayFromZero: fraction >= 0.5
    case .stochastic(let stream): fraction > 0 && stream.uniform(at: index) < fraction
    }
  }
}

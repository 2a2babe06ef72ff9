import WalshFormats
import WalshTensor

/// DuQuant's greedy search for a rotation of blocks of n channels that takes the outliers out of an activation.
///
/// Each step looks for the largest and the smallest entry of Z, exchanges the channel of the greater of them with channel 0,
/// multiplies by a base matrix that spreads channel 0, and exchanges back: Z ← Z·M, M = E·R·E. The result is the product of
/// the first steps, as many as leave the best Z.
///
/// Source: Lin et al., arXiv 2406.01721; released code of arXiv 2604.17789 (specification, section 5.2).
public struct RotationSearch: Sendable, Hashable {
  /// Which channel a step spreads.
  public enum Index: String, Sendable, CaseIterable {
    /// The channel of the greatest entry: what the papers describe.
    case channel
    /// The row of the greatest entry, modulo n: what the released code computes.
    case row
  }

  /// How the base matrix R̃ is completed.
  public enum Completion: String, Sendable, CaseIterable {
    /// R̃·diag(1, Q') with a random orthogonal Q'.
    case random
    /// R̃ itself.
    case none
  }

  /// What the best number of steps makes least.
  public enum Objective: String, Sendable, CaseIterable {
    /// The distance between the largest and the smallest entry of Z.
    case range
    /// The relative squared error of Z rounded to its format.
    case blockError = "block-mse"
  }

  /// What one search serves.
  public enum Scope: String, Sendable, CaseIterable {
    /// All blocks of a group, which share the rotation; the released code.
    case shared
    /// One block; each has a rotation of its own.
    case perBlock = "per-block"
  }

  /// N: how many steps are tried.
  public var steps = 256
  /// Which channel a step spreads.
  public var index = Index.channel
  /// How the base matrix is completed.
  public var completion = Completion.random
  /// What is made least.
  public var objective = Objective.range

  /// 256 steps by channel, a random completion, and the range as objective.
  public init() {}

  /// What a search found.
  struct Outcome {
    /// R, the product of the best number of steps in Float64; the identity when none helps.
    let rotation: Matrix
    /// The channel that each step tried spread.
    let channels: [Int]
    /// The objective before each step and after the last, one more than there are channels.
    let scores: [Double]
    /// How many steps R is a product of.
    let stepCount: Int
  }

  /// Searches.
  ///
  /// - Parameters:
  ///   - z: the activation of all blocks and tokens, shape `[rows, n]`, finite.
  ///   - format: what Z will be rounded to; only the objective `blockError` asks.
  ///   - stream: where the completion comes from.
  /// - Complexity: 2·rows·n² operations a step.
  func callAsFunction(_ z: Tensor, format: NumericFormat, _ stream: RandomStream) -> Outcome {
    let n = z.columns
    let base =
      completion == .random ? OutlierRotation.completedBase(order: n, stream) : OutlierRotation.base(order: n)
    var z = z
    var product = Matrix.identity(n)
    var best = (rotation: product, score: Double.infinity, count: 0)
    var channels: [Int] = []
    var scores: [Double] = []
    for step in 0...steps {
      let ends = z.extremes
      let score = objective == .range ? ends.range : relativeError(of: z, in: format)
      scores.append(score)
      if score < best.score { best = (product, score, step) }
      if step == steps || n == 1 { break }
      channels.append(index == .channel ? ends.greatest % n : ends.greatest / n % n)
      let m = base.exchangingFirst(with: channels[step])
      z = z.matmul(Tensor(m))
      product = product * m
    }
    return Outcome(rotation: best.rotation, channels: channels, scores: scores, stepCount: best.count)
  }

  private func relativeError(of z: Tensor, in format: NumericFormat) -> Double {
    let norm = z.sumOfSquares
    return norm > 0 ? (z - Quantizer(format: format).fakeQuantize(z)).sumOfSquares / norm : 0
  }
}

extension Tensor {
  /// The distance between the largest and the smallest value, and the place of the one of greater magnitude; the first of
  /// equals, and the largest where both are as great.
  var extremes: (range: Double, greatest: Int) {
    withUnsafeBufferPointer { x in
      guard let first = x.first else { return (0, 0) }
      var lows = SIMD16<Float>(repeating: first)
      var highs = lows
      let whole = x.count & ~15
      for i in stride(from: 0, to: whole, by: 16) {
        let values = UnsafeRawPointer(x.baseAddress! + i).loadUnaligned(as: SIMD16<Float>.self)
        lows = pointwiseMin(lows, values)
        highs = pointwiseMax(highs, values)
      }
      var (low, high) = (lows.min(), highs.max())
      for value in x[whole...] { (low, high) = (min(low, value), max(high, value)) }
      let greatest = high >= -low ? high : low
      return (Double(high) - Double(low), x.firstIndex(of: greatest) ?? 0)
    }
  }
}

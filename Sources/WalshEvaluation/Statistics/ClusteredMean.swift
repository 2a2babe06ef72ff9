import WalshTensor

/// The mean of values that come in clusters: tokens of windows, whose losses resemble each other within a window.
///
/// mean = Σ sums / Σ counts. Taking tokens as independent makes intervals far too narrow; here clusters are.
public struct ClusteredMean: Sendable, Hashable {
  /// The sum of each cluster.
  public private(set) var sums: [Double]
  /// The number of values of each cluster.
  public private(set) var counts: [Int]

  /// Clusters by their sums and counts, as many of one as of the other.
  public init(sums: [Double] = [], counts: [Int] = []) {
    precondition(sums.count == counts.count, "\(sums.count) sums for \(counts.count) clusters.")
    self.sums = sums
    self.counts = counts
  }

  /// Adds a cluster.
  public mutating func addCluster(_ values: some Collection<Double>) {
    sums.append(values.reduce(0, +))
    counts.append(values.count)
  }

  /// The number of values.
  public var count: Int { counts.reduce(0, +) }

  /// The mean of all values; NaN without any.
  public var value: Double { sums.reduce(0, +) / Double(count) }

  /// The standard error of a ratio of two sums over D clusters, √(D/(D−1) · Σ (sumᵢ − mean·countᵢ)²) / count; nil below
  /// two clusters. Source: Cochran, Sampling Techniques, 3rd ed., equation 2.46 (ratio estimator by linearisation).
  public var standardError: Double? {
    guard sums.count > 1 else { return nil }
    let mean = value
    let squares = zip(sums, counts).reduce(0) { total, cluster in
      let residual = cluster.0 - mean * Double(cluster.1)
      return total + residual * residual
    }
    let clusters = Double(sums.count)
    return (clusters / (clusters - 1) * squares).squareRoot() / Double(count)
  }

  /// The 95 % interval of the mean by the percentile bootstrap: 2000 samples of whole clusters, drawn with replacement
  /// from a fixed stream, so the same clusters give the same interval. It stays within the range of the values, unlike
  /// mean ± 1.96 standard errors; with fewer than about ten clusters it is too narrow. nil below two clusters.
  ///
  /// - Complexity: 2000 draws for each cluster.
  public var interval: ConfidenceInterval? {
    let clusters = sums.count
    guard clusters > 1 else { return nil }
    let samples = 2000
    var means = [Double](repeating: 0, count: samples)
    means.withUnsafeMutableBufferPointer { out in
      Parallel.forEach(samples, grain: 1 + 10_000 / clusters) { sample in
        let stream = RandomStream(seed: 0, purpose: "bootstrap", index: UInt64(sample))
        var sum = 0.0
        var count = 0
        var words = SIMD4<UInt32>()
        for draw in 0..<clusters {
          if draw % 4 == 0 { words = stream.words(at: UInt64(draw / 4)) }
          let cluster = Int((UInt64(words[draw % 4]) * UInt64(clusters)) >> 32)
          sum += sums[cluster]
          count += counts[cluster]
        }
        out[sample] = sum / Double(count)
      }
    }
    means.sort()
    return ConfidenceInterval(low: quantile(0.025, ofSorted: means), high: quantile(0.975, ofSorted: means))
  }
}

/// The quantile `q` of sorted values by linear interpolation between order statistics (type 7 of Hyndman and Fan, NumPy's
/// default); NaN without any.
func quantile(_ q: Double, ofSorted values: [Double]) -> Double {
  guard let last = values.last else { return .nan }
  let position = q * Double(values.count - 1)
  let index = Int(position)
  guard index + 1 < values.count else { return last }
  return values[index] + (values[index + 1] - values[index]) * (position - Double(index))
}

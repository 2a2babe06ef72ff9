import Testing
import WalshTensor

@testable import WalshEvaluation

@Suite("Statistics")
struct StatisticsTests {
  /// `clusters` windows of 5 to 25 tokens; the tokens of a window share a normal offset, so they are far from independent.
  private func sample(clusters: Int, trial: UInt64) -> ClusteredMean {
    let stream = RandomStream(seed: trial, purpose: "clusters")
    var mean = ClusteredMean()
    for cluster in 0..<clusters {
      let offset = stream.normal(at: 1000 * cluster)
      let count = 5 + Int(stream.word(at: 1000 * cluster + 500) % 21)
      mean.addCluster((0..<count).map { 2 + offset + 0.5 * stream.normal(at: 1000 * cluster + 2 + $0) })
    }
    return mean
  }

  @Test(
    "The bootstrap interval covers the true mean in 90 to 99 of 100 samples, tokens within windows being dependent")
  func coverage() {
    let covered = (0..<100).count { sample(clusters: 40, trial: UInt64($0)).interval?.contains(2) == true }
    #expect((90...99).contains(covered), "covered \(covered)")
  }

  @Test("mean ± 1.96 standard errors covers likewise; treating tokens as independent would not")
  func standardErrors() {
    var covered = 0
    var naive = 0
    for trial in 0..<400 {
      let mean = sample(clusters: 40, trial: UInt64(trial))
      guard let error = mean.standardError else { continue }
      if abs(mean.value - 2) < 1.96 * error { covered += 1 }
      // The tokens' own deviation is √(1 + 0.25).
      if abs(mean.value - 2) < 1.96 * (1.25 / Double(mean.count)).squareRoot() { naive += 1 }
    }
    #expect((360...396).contains(covered), "covered \(covered)")
    #expect(naive < 280, "naive \(naive)")
  }

  @Test("The same clusters give the same interval for any number of threads, around the mean")
  func deterministic() {
    let mean = sample(clusters: 12, trial: 7)
    let workers = Parallel.workerCount
    defer { Parallel.workerCount = workers }
    Parallel.workerCount = 1
    let one = mean.interval
    Parallel.workerCount = 3
    #expect(one == mean.interval)
    #expect(one?.contains(mean.value) == true)
  }

  @Test("One cluster has no interval, equal clusters one of no width")
  func degenerate() {
    #expect(ClusteredMean(sums: [4], counts: [2]).interval == nil)
    #expect(ClusteredMean(sums: [4], counts: [2]).standardError == nil)
    #expect(ClusteredMean(sums: [4, 6], counts: [2, 3]).interval == ConfidenceInterval(low: 2, high: 2))
    #expect(ClusteredMean().value.isNaN)
  }

  @Test("The standard error of equal counts is the deviation of cluster means over the root of their number")
  func equalCounts() throws {
    let mean = ClusteredMean(sums: [2, 4, 12], counts: [2, 2, 2])
    // Means 1, 2 and 6: variance 7.
    #expect(abs(try #require(mean.standardError) - (7.0 / 3).squareRoot()) < 1e-12)
  }

  @Test("Quantiles interpolate as NumPy's default")
  func quantiles() {
    let values = [1.0, 2, 4, 8]
    #expect(quantile(0, ofSorted: values) == 1)
    #expect(quantile(1, ofSorted: values) == 8)
    #expect(quantile(0.5, ofSorted: values) == 3)
    #expect(abs(quantile(0.9, ofSorted: values) - 6.8) < 1e-12)
    #expect(quantile(0.5, ofSorted: []).isNaN)
  }

  /// References: scipy.stats.binomtest(k, n).proportion_ci(method="wilson").
  @Test(
    "Wilson's interval equals the reference",
    arguments: [
      (0, 10, 0.0, 0.277_532_799_862_889_7), (5, 10, 0.236_593_090_512_564_1, 0.763_406_909_487_435_9),
      (10, 10, 0.722_467_200_137_110_3, 1.0), (90, 100, 0.825_634_338_495_086_5, 0.944_770_862_939_324_9),
    ])
  func wilson(successes: Int, trials: Int, low: Double, high: Double) {
    let interval = Proportion(successes: successes, trials: trials).interval
    #expect(abs(interval.low - low) < 1e-12)
    #expect(abs(interval.high - high) < 1e-12)
  }
}

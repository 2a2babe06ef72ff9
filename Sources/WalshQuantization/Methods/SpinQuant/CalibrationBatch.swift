import WalshTensor

/// Some calibration samples side by side, filled up to one length.
///
/// What is filled in stands behind a sample and is not counted; attention is causal, so it changes nothing before it.
struct CalibrationBatch {
  /// The tokens of all samples, one after the other.
  let inputs: [Int]
  /// The tokens that follow them.
  let targets: [Int]
  /// Which targets are text.
  let isCounted: [Bool]
  /// The number of samples.
  let sampleCount: Int
  /// Inputs of each sample.
  var tokenCount: Int { inputs.count / sampleCount }

  /// - Parameter samples: at least one, each of two tokens or more.
  init(_ samples: [ArraySlice<Int>]) {
    precondition(
      !samples.isEmpty && samples.allSatisfy { $0.count > 1 }, "A batch has samples with a token to predict.")
    let length = (samples.map(\.count).max() ?? 0) - 1
    func filled(_ tokens: ArraySlice<Int>) -> [Int] { tokens + Array(repeating: 0, count: length - tokens.count) }
    inputs = samples.flatMap { filled($0.dropLast()) }
    targets = samples.flatMap { filled($0.dropFirst()) }
    isCounted = samples.flatMap { sample in (0..<length).map { $0 < sample.count - 1 } }
    sampleCount = samples.count
  }
}

extension CalibrationText {
  /// The samples of step `step` when every epoch takes each sample once, in an order that depends on `seed` and the epoch
  /// alone.
  ///
  /// - Parameters:
  ///   - step: from 0.
  ///   - size: the samples of a step; all there are when there are fewer.
  ///   - length: the most tokens of a sample.
  ///   - seed: of the orders.
  /// - Returns: nil when no sample has a token to predict.
  func batch(_ step: Int, size: Int, length: Int, seed: UInt64) -> CalibrationBatch? {
    let usable = samples.filter { $0.count > 1 }
    guard !usable.isEmpty else { return nil }
    let size = min(size, usable.count)
    var orders: [Int: [Int]] = [:]
    return CalibrationBatch(
      (step * size..<(step + 1) * size).map { position in
        let (epoch, place) = position.quotientAndRemainder(dividingBy: usable.count)
        var generator = RandomStream(seed: seed, purpose: "spinquant/order", index: UInt64(epoch)).generator
        let order = orders[epoch] ?? usable.indices.shuffled(using: &generator)
        orders[epoch] = order
        return usable[order[place]].prefix(length)
      })
  }
}

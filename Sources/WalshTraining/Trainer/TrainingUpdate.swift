import Foundation
import WalshTensor

/// What a run tells after each step.
public struct TrainingUpdate: Sendable {
  /// The step, from 1.
  public let step: Int
  /// The number of steps.
  public let steps: Int
  /// The mean loss of the step's batch, in nats per token.
  public let loss: Double
  /// Tokens learnt from in a second, since the update before that was logged.
  public let tokensPerSecond: Double
  /// The entry of the history; nil for a step that is not logged.
  public let entry: TrainingHistory.Entry?
}

/// The largest amount of memory that this process has had, in bytes.
public func peakMemory() -> Int {
  var usage = rusage()
  #if canImport(Darwin)
    getrusage(RUSAGE_SELF, &usage)
    return usage.ru_maxrss
  #else
    // Linux counts in kB.
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  #endif
}

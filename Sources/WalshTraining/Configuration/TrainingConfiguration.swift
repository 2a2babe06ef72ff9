import Foundation
import WalshTensor

/// A training run: the model, the text, and how the one is fitted to the other.
public struct TrainingConfiguration: Sendable, Hashable {
  /// What is set apart to measure the loss on.
  public enum Validation: Sendable, Hashable {
    /// A file of its own.
    case text(String)
    /// The last windows of the training text, this share of all.
    case share(Double)
  }

  /// The sizes of the model.
  public var model = ModelDimensions()
  /// The files to learn from.
  public var text: [String] = []
  /// The folder of a model, or the `tokenizer.json`, whose tokens to use; nil to train a vocabulary on the text.
  public var tokenizer: String?
  /// The name of the arithmetic of linear layers.
  public var recipe = "fp32"
  /// How many updates are made.
  public var steps = 1000
  /// Windows that are computed together.
  public var batch = 8
  /// Batches whose gradients make one update.
  public var accumulation = 1
  /// Tokens of a window, the longest text that the model learns.
  public var context = 256
  /// The highest learning rate.
  public var learningRate = 1e-3
  /// Steps until the learning rate is reached; nil for a twentieth of all.
  public var warmUp: Int?
  /// What the learning rate does after the warm-up.
  public var schedule = Schedule.Shape.cosine
  /// The learning rate at the end as a share of the highest.
  public var finalShare = 0.1
  /// The share of the run in which `wsd` decays.
  public var decayShare = 0.2
  /// The optimiser's constants.
  public var optimizer = AdamW.Settings()
  /// Parameters with other constants; the first that fits counts.
  public var groups = [ParameterGroup.undecayed]
  /// The largest global norm of a gradient.
  public var clip = 1.0
  /// Of weights, order of the text, and the recipe.
  public var seed: UInt64 = 0
  /// What to measure the loss on; nil for nothing.
  public var validation: Validation?
  /// Steps between two measurements.
  public var validationInterval = 100
  /// Steps between two checkpoints; the last step makes one in any case.
  public var checkpointInterval = 100
  /// Steps between two entries of the history; the first and the last step make one in any case.
  public var logInterval = 10
  /// Whether blocks are computed again in the backward pass instead of being remembered.
  public var gradientCheckpointing = false

  public init() {}

  /// The learning rates.
  public var rates: Schedule {
    Schedule(
      shape: schedule, peak: learningRate, finalShare: finalShare, warmUp: warmUp ?? steps / 20,
      decayShare: decayShare,
      steps: steps)
  }

  /// Refuses what cannot be run.
  ///
  /// - Throws: `TrainingError` naming the key and the fix.
  public func check() throws(TrainingError) {
    try model.check()
    guard !text.isEmpty else { throw TrainingError("text", "there is nothing to learn from; give --text FILE.") }
    for (key, value, low) in [
      ("layers", model.layers, 1), ("width", model.width, 2), ("heads", model.heads ?? 1, 1),
      ("key-heads", model.keyHeads ?? 1, 1), ("head-size", model.headSize ?? 2, 2),
      ("intermediate", model.intermediate ?? 1, 1), ("vocabulary", model.vocabulary, 258), ("steps", steps, 1),
      ("batch", batch, 1), ("accumulation", accumulation, 1), ("context", context, 2), ("warm-up", warmUp ?? 0, 0),
      ("validation interval", validationInterval, 1), ("checkpoint-interval", checkpointInterval, 1),
      ("log-interval", logInterval, 1),
      ("expand", model.expand ?? 1, 1), ("step-rank", model.stepRank ?? 1, 1),
    ] where !(low...1 << 30).contains(value) {
      throw TrainingError("\(key) \(value)", "it must be a whole number from \(low) to \(1 << 30).")
    }
    for (key, value, most) in [
      ("states", model.states ?? 1, SelectiveScan.mostStates), ("taps", model.taps ?? 1, 64),
    ] where !(1...most).contains(value) {
      throw TrainingError("\(key) \(value)", "it must be a whole number from 1 to \(most).")
    }
    for (key, value, range) in [
      ("learning-rate", learningRate, 1e-12...1e3), ("final-share", finalShare, 0...1),
      ("decay-share", decayShare, 0...1), ("weight-decay", optimizer.weightDecay, 0...1e3),
      ("beta1", optimizer.beta1, 0...0.999_999), ("beta2", optimizer.beta2, 0...0.999_999_99),
      ("epsilon", optimizer.epsilon, 1e-30...1), ("clip", clip, 1e-9...1e9),
      ("rope-theta", model.ropeTheta, 1...1e15),
    ] as [(String, Double, ClosedRange<Double>)] where !range.contains(value) {
      throw TrainingError("\(key) \(value)", "it must be a number from \(range.lowerBound) to \(range.upperBound).")
    }
    if case .share(let share) = validation, !(0.000_001...0.9).contains(share) {
      throw TrainingError("validation share \(share)", "it must be a number above 0 and up to 0.9.")
    }
    if let warmUp, warmUp > steps {
      throw TrainingError("warm-up \(warmUp)", "it is longer than the run of \(steps) steps; shorten it.")
    }
  }
}

import WalshCheckpoints

/// What was noted during a run. Times are not part of it, so that the same run leaves the same bytes.
public struct TrainingHistory: Sendable, Hashable {
  /// The numbers of one step.
  public struct Entry: Sendable, Hashable {
    /// The step, from 1.
    public let step: Int
    /// The mean loss of the step's batch before its update, in nats per token.
    public let loss: Double
    /// The loss on what is held out, after the update; nil when it was not measured.
    public let validationLoss: Double?
    /// The learning rate of the update.
    public let learningRate: Double

    public init(step: Int, loss: Double, validationLoss: Double?, learningRate: Double) {
      self.step = step
      self.loss = loss
      self.validationLoss = validationLoss
      self.learningRate = learningRate
    }
  }

  /// The entries in the order of their steps.
  public internal(set) var entries: [Entry]

  public init(entries: [Entry] = []) { self.entries = entries }

  /// The entries as an array of objects.
  var json: JSON {
    .array(
      entries.map { entry in
        [
          "step": .number(JSONNumber(entry.step)), "loss": .number(JSONNumber(entry.loss)),
          "validationLoss": entry.validationLoss.map { .number(JSONNumber($0)) } ?? .null,
          "learningRate": .number(JSONNumber(entry.learningRate)),
        ]
      })
  }

  /// Reads `json`; nil when it is something else.
  init?(json: JSON) {
    let entries = json.arrayValue?.map { value -> Entry? in
      guard let step = value["step"]?.intValue, let loss = value["loss"]?.doubleValue,
        let rate = value["learningRate"]?.doubleValue
      else { return nil }
      return Entry(
        step: step, loss: loss, validationLoss: value["validationLoss"]?.doubleValue, learningRate: rate)
    }
    guard let entries, !entries.contains(nil) else { return nil }
    self.entries = entries.compactMap(\.self)
  }
}

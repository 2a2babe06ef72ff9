/// How SpinQuant learns its rotations; the defaults are the paper's.
public struct SpinQuantSettings: Sendable, Hashable, CustomStringConvertible {
  /// Steps of Cayley SGD.
  public var steps: Int
  /// The learning rate of the first step; it falls to zero on a cosine.
  public var learningRate: Double
  /// The samples of a step.
  public var batch: Int
  /// The most tokens of a sample; the rest of a longer calibration sample is not learned from.
  public var sequenceLength: Int

  public init(steps: Int = 100, learningRate: Double = 1.5, batch: Int = 8, sequenceLength: Int = 2048) {
    self.steps = steps
    self.learningRate = learningRate
    self.batch = batch
    self.sequenceLength = sequenceLength
  }

  public var description: String {
    "\(steps) steps of \(batch) × \(sequenceLength) tokens at \(learningRate)"
  }
}

import ArgumentParser
import Foundation
import WalshTensor
import WalshTraining

extension Schedule.Shape: ExpressibleByArgument {}
extension ModelDimensions.Family: ExpressibleByArgument {}

/// What to train, and how; each option overrides the configuration file.
struct TrainOptions: ParsableArguments {
  @Option(help: "What the blocks are.") var architecture: ModelDimensions.Family?
  @Option(help: ArgumentHelp("The number of blocks.", valueName: "n")) var layers: Int?
  @Option(help: ArgumentHelp("The width of the residual stream.", valueName: "n")) var width: Int?
  @Option(help: ArgumentHelp("Query heads per block.", valueName: "n")) var heads: Int?
  @Option(help: ArgumentHelp("Key and value heads per block.", valueName: "n")) var keyHeads: Int?
  @Option(help: ArgumentHelp("The width of the feed-forward network.", valueName: "n")) var intermediate: Int?
  @Option(help: ArgumentHelp("States of a channel of a Mamba.", valueName: "n")) var states: Int?
  @Option(help: ArgumentHelp("Channels of a Mamba as a multiple of the width.", valueName: "n")) var expand: Int?
  @Option(help: ArgumentHelp("Taps of a Mamba's convolution.", valueName: "n")) var taps: Int?
  @Option(help: ArgumentHelp("The width that a Mamba's step sizes are projected from.", valueName: "n"))
  var stepRank: Int?
  @Option(help: ArgumentHelp("The most tokens of a vocabulary trained on the text.", valueName: "n"))
  var vocabulary: Int?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("What to learn from: text, or JSON and JSON lines of documents.", valueName: "file"),
    completion: .file())
  var text: [String] = []
  @Option(
    help: ArgumentHelp("Use the tokenizer of this model instead of training one.", valueName: "folder"),
    completion: .directory)
  var tokenizer: String?
  @Option(help: ArgumentHelp("Measure the loss on this text.", valueName: "file"), completion: .file())
  var validation: String?
  @Option(help: ArgumentHelp("Measure the loss on this share of the text, held out.", valueName: "share"))
  var validationShare: Double?
  @Option(help: ArgumentHelp("Steps between two measurements.", valueName: "n")) var validationInterval: Int?

  @Option(help: ArgumentHelp("The arithmetic of linear layers.", valueName: "name")) var recipe: String?
  @Option(help: ArgumentHelp("How many updates to make.", valueName: "n")) var steps: Int?
  @Option(help: ArgumentHelp("Windows computed together.", valueName: "n")) var batch: Int?
  @Option(help: ArgumentHelp("Batches for one update.", valueName: "n")) var accumulation: Int?
  @Option(help: ArgumentHelp("Tokens of a window, the longest text to learn.", valueName: "tokens")) var context: Int?
  @Option(help: ArgumentHelp("The highest learning rate.", valueName: "rate")) var learningRate: Double?
  @Option(help: ArgumentHelp("Steps until the highest learning rate.", valueName: "n")) var warmUp: Int?
  @Option(help: "What the learning rate does then.") var schedule: Schedule.Shape?
  @Option(help: ArgumentHelp("Decoupled weight decay.", valueName: "λ")) var weightDecay: Double?
  @Option(help: ArgumentHelp("The largest norm of a gradient.", valueName: "norm")) var clip: Double?
  @Option(help: ArgumentHelp("Of weights, order of the text, and the recipe.", valueName: "n")) var seed: UInt64?
  @Option(help: ArgumentHelp("Steps between two checkpoints.", valueName: "n")) var checkpointInterval: Int?
  @Option(help: ArgumentHelp("Steps between two lines of the log.", valueName: "n")) var logInterval: Int?
  @Flag(help: "Compute blocks again in the backward pass instead of remembering them.")
  var gradientCheckpointing = false

  func validate() throws {
    if validation != nil && validationShare != nil {
      throw ValidationError("Give --validation FILE or --validation-share SHARE, not both.")
    }
  }

  /// `configuration` with what the options say.
  func applied(to configuration: TrainingConfiguration) -> TrainingConfiguration {
    var result = configuration
    func set<Value>(_ key: WritableKeyPath<TrainingConfiguration, Value>, _ value: Value?) {
      if let value { result[keyPath: key] = value }
    }
    // Without this overload nil would be wrapped into an optional setting and erase what the file says.
    func set<Value>(_ key: WritableKeyPath<TrainingConfiguration, Value?>, _ value: Value?) {
      if let value { result[keyPath: key] = value }
    }
    set(\.model.architecture, architecture)
    set(\.model.layers, layers)
    set(\.model.width, width)
    set(\.model.heads, heads)
    set(\.model.keyHeads, keyHeads)
    set(\.model.intermediate, intermediate)
    set(\.model.states, states)
    set(\.model.expand, expand)
    set(\.model.taps, taps)
    set(\.model.stepRank, stepRank)
    set(\.model.vocabulary, vocabulary)
    set(\.text, text.isEmpty ? nil : text)
    set(\.tokenizer, tokenizer)
    set(\.validation, validation.map { .text($0) } ?? validationShare.map { .share($0) })
    set(\.validationInterval, validationInterval)
    set(\.recipe, recipe)
    set(\.steps, steps)
    set(\.batch, batch)
    set(\.accumulation, accumulation)
    set(\.context, context)
    set(\.learningRate, learningRate)
    set(\.warmUp, warmUp)
    set(\.schedule, schedule)
    set(\.optimizer.weightDecay, weightDecay)
    set(\.clip, clip)
    set(\.seed, seed)
    set(\.checkpointInterval, checkpointInterval)
    set(\.logInterval, logInterval)
    if gradientCheckpointing { result.gradientCheckpointing = true }
    return result
  }
}

import WalshCheckpoints
import WalshTensor

/// All that a run needs to go on where it stood, but for the text.
struct TrainingState {
  /// The number of updates made.
  let step: Int
  /// The weights, in the order of the architecture.
  let parameters: [Tensor]
  /// The optimiser's means and mean squares, in that order.
  let means: [Tensor]
  let meanSquares: [Tensor]
  /// The place in the data.
  let position: DataLoader.Position
  /// The checksum of the tokens.
  let checksum: UInt64
  /// What the run was asked to do.
  let configuration: TrainingConfiguration
  /// What the recipe has learnt; nil when it learns nothing.
  let recipe: JSON?
  /// What was noted.
  let history: TrainingHistory

  init(
    _ trainer: Trainer, checksum: UInt64, history: TrainingHistory
  ) {
    step = trainer.step
    parameters = trainer.parameters
    means = trainer.optimizer.means
    meanSquares = trainer.optimizer.meanSquares
    position = trainer.loader.position
    self.checksum = checksum
    configuration = trainer.configuration
    recipe = trainer.recipe.state?.save()
    self.history = history
  }

  /// Puts together what was read from a folder; nil when `json` is not what `json` writes.
  init?(
    json: JSON, parameters: [Tensor], means: [Tensor], meanSquares: [Tensor]
  ) {
    guard let step = json["step"]?.intValue, let epoch = json["position"]?["epoch"]?.intValue,
      let index = json["position"]?["index"]?.intValue,
      let checksum = json["textChecksum"]?.stringValue.flatMap({ UInt64($0, radix: 16) }),
      let yaml = json["configuration"]?.stringValue,
      let configuration = try? TrainingConfiguration(yaml: yaml, named: "configuration"),
      let history = json["history"].flatMap(TrainingHistory.init)
    else { return nil }
    self.step = step
    self.parameters = parameters
    self.means = means
    self.meanSquares = meanSquares
    position = DataLoader.Position(epoch: epoch, index: index)
    self.checksum = checksum
    self.configuration = configuration
    recipe = json["recipe"].flatMap { $0.isNull ? nil : $0 }
    self.history = history
  }

  /// Everything but tensors.
  var json: JSON {
    [
      "step": .number(JSONNumber(step)),
      "position": ["epoch": .number(JSONNumber(position.epoch)), "index": .number(JSONNumber(position.index))],
      "textChecksum": .string(String(checksum, radix: 16)), "configuration": .string(configuration.yaml),
      "recipe": recipe ?? .null, "history": history.json,
    ]
  }
}

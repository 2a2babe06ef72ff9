import WalshTraining

extension Report {
  /// What is told about a training run: its loss and learning rate, step by step. The same run gives the same bytes, so
  /// neither times nor names of folders are in it.
  public init(_ run: TrainingRun) {
    let (configuration, entries) = (run.configuration, run.history.entries)
    let validated = entries.compactMap { entry in entry.validationLoss.map { (entry.step, $0) } }
    var facts = [
      Fact("Model", "\(run.trainer.parameters.reduce(0) { $0 + $1.count }) parameters"),
      Fact("Recipe", run.trainer.recipe.name),
      Fact(
        "Batch",
        "\(configuration.batch * configuration.accumulation) windows of \(configuration.context) tokens, \(configuration.steps) steps"
      ),
      Fact("Text", "\(run.trainer.loader.windows.count) windows, \(run.trainer.loader.position.epoch) whole epochs"),
    ]
    if let last = entries.last { facts.append(Fact("Loss", Figure.significant(last.loss, 4))) }
    if let last = validated.last { facts.append(Fact("Validation loss", Figure.significant(last.1, 4))) }
    self.init(
      title: "Training with \(run.trainer.recipe.name)",
      summary: "A language model learnt from text, from the beginning. Losses are in nats per token.",
      facts: facts, plots: Self.curves(entries, validated))
  }

  private static func curves(
    _ entries: [TrainingHistory.Entry], _ validated: [(Int, Double)]
  ) -> [any Plot] {
    typealias Point = SeriesChart.Series.Point
    // A drawing shows no more points than it has room for.
    let spacing = max(1, entries.count / 150)
    let shown = entries.enumerated().filter { $0.offset % spacing == 0 || $0.offset == entries.count - 1 }.map(
      \.element)
    func point(_ step: Int, _ y: Double) -> Point { Point(x: Double(step), y: y, name: "step \(step)") }
    var losses = [SeriesChart.Series("training", shown.map { point($0.step, $0.loss) })]
    if !validated.isEmpty { losses.append(SeriesChart.Series("held out", validated.map { point($0.0, $0.1) })) }
    return [
      SeriesChart(title: "Loss", horizontal: "step", vertical: "nats per token", series: losses),
      SeriesChart(
        title: "Learning rate", horizontal: "step", vertical: "learning rate",
        series: [SeriesChart.Series("learning rate", shown.map { point($0.step, $0.learningRate) })]),
    ]
  }
}

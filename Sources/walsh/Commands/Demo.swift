import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization
import WalshReports
import WalshTraining

struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train in four bits, quantize a small model in several ways, compare, and let the result tell a story.",
    discussion: """
      Runs from the project's folder with the model and the stories in Examples; --model, --documents and --calibration \
      take others. The report page has the table, the losses, the error of each layer and the curves of a short training \
      run, in full precision and in NVFP4.

      Example:
        walsh demo --output demo
      """)

  @Option(help: "A Hugging Face folder, or a model id in the hub cache.", completion: .directory)
  var model = "Examples/story-llama"

  @Option(help: "The texts to score, a JSON array.", completion: .file(extensions: ["json"]))
  var documents = "Examples/stories-test.json"

  @Option(help: "The texts to calibrate on and to learn from, a JSON array.", completion: .file(extensions: ["json"]))
  var calibration = "Examples/stories-train.json"

  @Option(help: "Where the models and the report go.", completion: .directory)
  var output = "out/demo"

  @Option(help: ArgumentHelp("The number of calibration samples.", valueName: "count"))
  var samples = 64

  @Option(help: ArgumentHelp("The steps of each training run; 0 leaves training out.", valueName: "count"))
  var steps = 200

  @OptionGroup var options: RunOptions

  func run() throws {
    let bar = options.start()
    let folder = URL(filePath: output, directoryHint: .isDirectory)
    let base = try ModelFolder(HubCache().folder(for: model))
    let study = try study(of: base, in: folder)
    let curves = steps > 0 ? try ["fp32", "nvfp4"].map { try train(recipe: $0, in: folder, bar) } : []
    let outcome = try study.run(progress: bar.show)
    bar.clear()
    try report(outcome, of: base, study, curves).write(to: folder)
    if options.json { return printJSON(outcome.comparison.json) }

    for run in curves {
      guard let last = run.history.entries.last else { continue }
      print("trained \(last.step) steps in \(run.configuration.recipe): loss \(last.loss.fixed(4))")
    }
    print("\n" + TextTable(outcome.comparison.table).text(.standard))
    // The candidate nearest to its base tells the story.
    let nearest = outcome.entries.min {
      ($0.row.divergence?.kl.value ?? .infinity) < ($1.row.divergence?.kl.value ?? .infinity)
    }
    if let nearest {
      print("\(nearest.row.name), computing on packed weights:\n\n\(try story(from: ModelFolder(nearest.folder)))\n")
    }
    for failure in outcome.failures { print("\(failure.request.label): \(failure.sentence)") }
    print("report: \(folder.appending(path: "report.html").path(percentEncoded: false))")
  }

  /// A short run of a small model in the arithmetic of `recipe`.
  private func train(recipe: String, in folder: URL, _ bar: ProgressBar) throws -> TrainingRun {
    var configuration = TrainingConfiguration()
    configuration.model.layers = 2
    configuration.model.width = 96
    configuration.model.heads = 4
    configuration.model.keyHeads = 2
    configuration.model.vocabulary = 512
    configuration.text = [calibration]
    configuration.recipe = recipe
    configuration.steps = steps
    configuration.context = 128
    configuration.learningRate = 3e-3
    var run = try TrainingRun(
      configuration, in: folder.appending(path: "trained-\(recipe)", directoryHint: .isDirectory), existing: .replace)
    try run.run { update in
      bar.show(
        ProgressUpdate(
          "training in \(recipe), loss \(update.loss.fixed(3))", done: update.step, total: update.steps))
    }
    return run
  }

  private func study(of base: ModelFolder, in folder: URL) throws -> Study {
    let context = min(256, base.architecture.contextLength ?? .max)
    let tokenizer = try base.tokenizer()
    let encoding = TokenEncoding(tokenizer)
    let requests = ["MXFP4", "NVFP4"].compactMap { Preset(named: $0) }.flatMap { preset in
      [
        QuantizationRequest(method: .rtn, preset: preset),
        QuantizationRequest(method: .gptq, preset: preset),
        QuantizationRequest(method: .rotation, preset: preset),
        QuantizationRequest(method: .rotation, preset: preset, rotation: .block32),
      ]
    }
    let text = try CalibrationText(
      URL(filePath: calibration), tokenizer: tokenizer, beginToken: encoding.beginToken, count: samples,
      context: context, seed: 0)
    return Study(
      base: base, requests: requests, calibration: { _ in text },
      windows: try ScoringProtocol.documents(context: context).windows(
        of: try EvaluationText(contentsOf: URL(filePath: documents)).prefix(100), encoding: encoding),
      folder: folder)
  }

  private func report(
    _ outcome: Study.Outcome, of base: ModelFolder, _ study: Study, _ curves: [TrainingRun]
  ) -> Report {
    var facts = [
      Report.Fact("Model", base.name),
      Report.Fact("Scored", "\(study.windows.windows.count) documents, \(study.windows.scoring)"),
      Report.Fact("Calibrated", "\(samples) samples of \(min(256, base.architecture.contextLength ?? .max)) tokens"),
    ]
    var plots: [any Plot] = [outcome.layerErrorPlot]
    if !curves.isEmpty {
      facts.append(
        Report.Fact("Trained", "\(steps) steps each in \(curves.map(\.configuration.recipe).joined(separator: ", "))")
      )
      plots.append(
        SeriesChart(
          title: "Training in four bits", horizontal: "step", vertical: "nats per token",
          series: curves.map { run in
            SeriesChart.Series(
              run.configuration.recipe,
              run.history.entries.map { SeriesChart.Series.Point(x: Double($0.step), y: $0.loss) })
          }))
    }
    return Report(
      title: "\(base.name) in four bits",
      summary:
        "Weights and activations in four bits, by several methods, scored on \(study.windows.tokenCount) tokens.",
      facts: facts, comparison: outcome.comparison, plots: plots, command: "walsh demo")
  }

  private func story(from folder: ModelFolder) throws -> String {
    let tokenizer = try folder.tokenizer()
    let prompt = tokenizer.encode("Once upon a time")
    let generator = TokenGenerator(
      model: try folder.model(), prompt: prompt, sampler: Sampler(temperature: 0.5, topP: 0.9, seed: 1),
      endTokens: try folder.endTokens(tokenizer), limit: 160)
    return tokenizer.decode(prompt + Array(generator), skippingSpecialTokens: true)
  }
}

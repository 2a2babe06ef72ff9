import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization
import WalshReports

struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Quantize a small real model in several ways, compare them, and let the result tell a story.",
    discussion: """
      Uses the model and the stories in ../shared/data when they are there, or what --model and --documents name. The last \
      900 documents calibrate, the first 100 are scored.

      Example:
        walsh demo --output demo
      """)

  @Option(help: "A Hugging Face folder, or a model id in the hub cache.", completion: .directory)
  var model = "../shared/data/babyllama/tok361/hf"

  @Option(help: "A JSON array of texts.", completion: .file(extensions: ["json"]))
  var documents = "../shared/data/tinystories/stories-1000.json"

  @Option(help: "Where the models and the report go.", completion: .directory)
  var output = "out/demo"

  @Option(help: ArgumentHelp("The number of calibration samples.", valueName: "count"))
  var samples = 128

  @OptionGroup var options: RunOptions

  func run() throws {
    let bar = options.start()
    let folder = URL(filePath: output, directoryHint: .isDirectory)
    let base = try ModelFolder(HubCache().folder(for: model))
    let study = try study(of: base, in: folder)
    let outcome = try study.run(progress: bar.show)
    bar.clear()
    try report(outcome, of: base, study).write(to: folder)
    if options.json { return printJSON(outcome.comparison.json) }

    print(TextTable(outcome.comparison.table).text(.standard))
    // The candidate nearest to its base tells the story.
    let candidates = zip(outcome.comparison.rows.dropFirst(), outcome.folders)
    if let best = candidates.min(by: {
      ($0.0.divergence?.kl.value ?? .infinity) < ($1.0.divergence?.kl.value ?? .infinity)
    }) {
      print("\(best.0.name) continues “Once upon a time”, computing on packed weights:\n")
      print(try story(from: ModelFolder(best.1)) + "\n")
    }
    print("report: \(folder.appending(path: "report.html").path(percentEncoded: false))")
  }

  private func study(of base: ModelFolder, in folder: URL) throws -> Study {
    let context = min(256, base.architecture.contextLength)
    let text = try EvaluationText(contentsOf: URL(filePath: documents))
    let tokenizer = try base.tokenizer()
    let encoding = TokenEncoding(tokenizer)
    let held = text.documents.count > 200 ? 100 : text.documents.count / 2
    let requests = ["MXFP4", "NVFP4"].compactMap { Preset(named: $0) }.flatMap { preset in
      [
        QuantizationRequest(method: .rtn, preset: preset),
        QuantizationRequest(method: .gptq, preset: preset),
        QuantizationRequest(method: .rotation, preset: preset),
        QuantizationRequest(method: .rotation, preset: preset, rotation: .block32),
      ]
    }
    return Study(
      base: base, requests: requests,
      calibration: try CalibrationText(
        documents: Array(text.documents.dropFirst(held)), named: documents, tokenizer: tokenizer,
        beginToken: encoding.beginToken, count: samples, context: context, seed: 0),
      windows: try ScoringProtocol.documents(context: context).windows(of: text.prefix(held), encoding: encoding),
      folder: folder)
  }

  private func report(_ outcome: Study.Outcome, of base: ModelFolder, _ study: Study) -> Report {
    Report(
      title: "\(base.name) in four bits",
      summary:
        "Weights and activations in four bits, by several methods, scored on \(study.windows.tokenCount) tokens.",
      facts: [
        Report.Fact("Model", base.name),
        Report.Fact("Scored", "\(study.windows.windows.count) documents, \(study.windows.scoring)"),
        Report.Fact(
          "Calibrated", study.calibration.map { "\($0.samples.count) samples, \($0.tokenCount) tokens" } ?? "no"),
      ],
      comparison: outcome.comparison, plots: [outcome.layerErrorPlot], command: "walsh demo")
  }

  private func story(from folder: ModelFolder) throws -> String {
    let tokenizer = try folder.tokenizer()
    let prompt = "Once upon a time"
    let generator = TokenGenerator(
      model: try folder.model(), prompt: tokenizer.encode(prompt), sampler: Sampler(),
      endTokens: try folder.endTokens(tokenizer), limit: 160)
    return tokenizer.decode(tokenizer.encode(prompt) + Array(generator), skippingSpecialTokens: true)
  }
}

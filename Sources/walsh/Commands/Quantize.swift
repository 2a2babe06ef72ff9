import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization
import WalshReports

struct Quantize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Quantize a model folder into a smaller one.",
    discussion: """
      Reads a Hugging Face folder, one block in memory at a time, and writes a compressed-tensors folder that other \
      runtimes load, too. Interrupted at any point, the same command with --resume ends in the same bytes.

      Examples:
        walsh quantize model --to MXFP4A16 --output small
        walsh quantize model --to NVFP4 --method rotation --calibration text.txt --output small
        walsh quantize model --to W4A16 --method auto --budget 4.5 --calibration text.txt --output small
        walsh quantize model --recipe recipe.yaml --dry-run
        walsh quantize model --to int4 --group 128 --solver gptq --calibration text.txt --except lm_head --output small
      """)

  @OptionGroup var model: ModelArgument
  @OptionGroup(title: "What to do") var request: RequestOptions

  @Option(
    help: ArgumentHelp("Text to calibrate on: a JSON array of documents, or plain text.", valueName: "file"),
    completion: .file())
  var calibration: String?

  @Option(
    help: ArgumentHelp("A recipe file; options on the command line override it.", valueName: "file.yaml"),
    completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?

  @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"), completion: .directory)
  var output: String?

  @Option(help: ArgumentHelp("The most memory to use, such as 2GB.", valueName: "size"))
  var memory: String?

  @Flag(help: "Print the plan and stop.")
  var dryRun = false

  @Flag(help: "Continue an interrupted run.")
  var resume = false

  @Flag(help: "Replace the output folder.")
  var force = false

  @Option(
    help: ArgumentHelp("Compare with the base on these documents afterwards.", valueName: "file.json"),
    completion: .file(extensions: ["json"]))
  var evaluate: String?

  @Option(
    help: ArgumentHelp("Write report.html, report.md and report.json here.", valueName: "folder"),
    completion: .directory)
  var report: String?

  @OptionGroup var options: RunOptions

  func validate() throws {
    if request.to == nil && recipe == nil {
      throw ValidationError("Say what to quantize to: --to PRESET or --recipe FILE.")
    }
    if let memory, ByteCount(memory) == nil {
      throw ValidationError("--memory \(memory): give a size such as 2GB or 800MB.")
    }
    if output == nil && !dryRun { throw ValidationError("Say where to write: --output FOLDER.") }
    if resume && force {
      throw ValidationError("--resume continues a run and --force starts anew; give one of them.")
    }
  }

  func run() throws {
    let bar = options.start()
    let folder = try model.open()
    let request = try request.request(recipe: recipe.map { URL(filePath: $0) })
    let summary = try PlanSummary(
      request.plan(for: folder.architecture.outline), of: folder.architecture, source: folder.checkpoint,
      samples: request.samples, context: request.context)
    let activationLimit =
      try memory.flatMap(ByteCount.init).map { try summary.memory.activationLimit(within: $0.value) }
      ?? MemoryEstimate.defaultActivationLimit
    guard let output, !dryRun else { return show(summary) }
    let quantization = try QuantizationRun(
      source: folder.checkpoint, request: request,
      calibration: try summary.calibrationReason.map { try calibrationText(for: request, in: folder, because: $0) },
      activationLimit: activationLimit)

    let interruption = Interruption("Interrupted; the same command with --resume continues.")
    defer { interruption.cancel() }
    let start = Date()
    let destination = URL(filePath: output, directoryHint: .isDirectory)
    let layers = try quantization.write(
      to: destination, existing: force ? .replace : resume ? .resume : .refuse, progress: bar.show)
    bar.clear()
    let comparison = try compared(folder, destination, request, bar)
    try show(layers, of: folder, destination: destination, seconds: Date().timeIntervalSince(start), comparison)
  }

  /// The calibration text that the request needs for `reason`.
  private func calibrationText(
    for request: QuantizationRequest, in folder: ModelFolder, because reason: String
  ) throws -> CalibrationText {
    guard let calibration else {
      throw ValidationError("\(reason): give it a text with --calibration FILE.")
    }
    let tokenizer = try folder.tokenizer()
    return try CalibrationText(
      URL(filePath: calibration), tokenizer: tokenizer, beginToken: TokenEncoding(tokenizer).beginToken,
      count: request.samples, context: request.context, seed: request.seed)
  }

  /// Base and result side by side, when asked for.
  private func compared(
    _ base: ModelFolder, _ destination: URL, _ request: QuantizationRequest, _ bar: ProgressBar
  ) throws -> Comparison? {
    guard let evaluate else { return nil }
    let text = try EvaluationText(contentsOf: URL(filePath: evaluate)).prefix(100)
    let windows = try ScoringProtocol.documents(
      context: min(request.context, base.architecture.contextLength ?? .max)
    )
    .windows(of: text, encoding: TokenEncoding(base.tokenizer()))
    let comparison = try Comparison(
      base: base, candidates: [(request.label, try ModelFolder(destination))], on: windows, progress: bar.show)
    bar.clear()
    return comparison
  }

  // MARK: Output

  private func show(_ summary: PlanSummary) {
    if options.json { return printJSON(summary.json) }
    let table = Table(
      columns: PlanSummary.columns.map { Table.Column($0, $0 == "layers" ? .trailing : .leading) },
      rows: summary.table.map { $0.map { Table.Cell($0) } })
    print(TextTable(table).text(.standard))
    print("formats      \(summary.preset)")
    if let residual = summary.residual { print("residual     \(residual), folded") }
    if let keys = summary.keys { print("keys         \(keys), at run time") }
    if let preparation = summary.preparation { print("learning     \(preparation)") }
    print("tensors      \(byteText(summary.bytesBefore)) before, \(byteText(summary.bytesAfter)) after")
    print("memory       about \(byteText(summary.memory.peak)) at the peak")
    print("calibration  \(summary.calibrationReason ?? "not needed")")
  }

  private func show(
    _ layers: [LayerReport], of base: ModelFolder, destination: URL, seconds: Double, _ comparison: Comparison?
  ) throws {
    let evidence = AutoEvidence(inFolder: destination)
    var page = Report(
      title: destination.lastPathComponent, summary: "\(base.name), quantized.",
      facts: [Report.Fact("Time", duration(seconds))], comparison: comparison, layers: layers,
      command: CommandLine.arguments.joined(separator: " "))
    page.sections = evidence?.sections ?? []
    page.plots = evidence?.plots ?? []
    if let report { try page.write(to: URL(filePath: report, directoryHint: .isDirectory)) }
    if options.json { return printJSON(page.json) }
    for section in page.sections {
      print("\(section.heading)\n\n\(TextTable(section.table).text(.standard))\(section.note)\n")
    }
    let mean = layers.reduce(0) { $0 + $1.weightError } / Double(max(1, layers.count))
    print(
      "\(layers.count) layers quantized in \(duration(seconds)), mean relative squared weight error \(mean.fixed(5))")
    if let worst = layers.max(by: { $0.weightError < $1.weightError }) {
      print("worst layer: \(worst.path), \(worst.weightError.fixed(5))")
    }
    if let comparison { print("\n" + TextTable(comparison.table).text(.standard)) }
    if let report { print("report: \(report)/report.html") }
    print("written to \(destination.path(percentEncoded: false))")
  }
}

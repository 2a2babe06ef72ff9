import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization
import WalshReports

struct StudyMethods: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Quantize models by several methods and tell which one wins.",
    discussion: """
      Every method, for every preset and seed, on every model: loss above the base, divergence, bits, online cost and \
      seconds, in one table per preset. A method is a name (walsh help quantize lists them), with a rotation or a solver \
      behind a slash; recipe files say everything else. The same command with --resume goes on where it was interrupted.

      Examples:
        walsh study model --to NVFP4 MXFP4 --method rtn gptq rotation/block32 duquant++ \\
          --calibration train.json --documents test.json --output out
        walsh study small large --to W4A4KV4 --method rtn spinquant flatquant --seed 1 2 3 \\
          --calibration train.json --documents test.json --output out
      """)

  @Argument(help: "Hugging Face folders, or ids in the hub cache.", completion: .directory)
  var models: [String]

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The formats; walsh help quantize lists them.", valueName: "preset"))
  var to: [String] = []

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Methods, such as gptq or rotation/block32/rtn.", valueName: "name"))
  var method: [String] = []

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Recipe files to run beside the methods.", valueName: "file.yaml"),
    completion: .file(extensions: ["yaml", "yml"]))
  var recipe: [String] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Seeds of what is random; each method runs once for each.", valueName: "n"))
  var seed: [UInt64] = [0]

  @Option(
    help: ArgumentHelp("Text to calibrate on: a JSON array of documents, or plain text.", valueName: "file"),
    completion: .file())
  var calibration: String

  @Option(help: ArgumentHelp("The number of calibration samples.", valueName: "count"))
  var samples = 64

  @OptionGroup var text: TextOptions

  @Option(
    help: ArgumentHelp("Where models, tables, report.html and report.json go.", valueName: "folder"),
    completion: .directory)
  var output: String

  @Flag(help: "Keep what an earlier run of this study finished.")
  var resume = false

  @OptionGroup var options: RunOptions

  func validate() throws {
    try text.require()
    if models.isEmpty { throw ValidationError("Give at least one model.") }
    if method.isEmpty != to.isEmpty {
      throw ValidationError("Methods need formats: give both --method NAME and --to PRESET.")
    }
    if method.isEmpty && recipe.isEmpty { throw ValidationError("Say what to try: --method NAME or --recipe FILE.") }
    _ = try requests(context: 2)
  }

  func run() throws {
    let bar = options.start()
    let interruption = Interruption("Interrupted; the same command with --resume continues.")
    defer { interruption.cancel() }
    let destination = URL(filePath: output, directoryHint: .isDirectory)
    var outcomes: [Study.Outcome] = []
    for path in models {
      let base = try ModelFolder(HubCache().folder(for: path))
      let study = try study(of: base, in: destination.appending(path: base.name.replacing("/", with: "-")))
      outcomes.append(try study.run(resuming: resume, progress: bar.show))
    }
    bar.clear()
    let table = MethodTable(outcomes)
    let facts = [
      Report.Fact("Calibrated", "\(samples) samples of \(URL(filePath: calibration).lastPathComponent)"),
      Report.Fact("Seeds", seed.map { "\($0)" }.joined(separator: ", ")),
    ]
    try Report(table, facts: facts, command: CommandLine.arguments.joined(separator: " ")).write(to: destination)
    if options.json { return printJSON(table.json) }
    for preset in table.presets {
      print("\(preset): loss above the base\n\n\(TextTable(table.losses(for: preset)).text(.standard))\n")
    }
    for outcome in outcomes {
      for failure in outcome.failures {
        print("\(outcome.base), \(failure.request.label): \(failure.sentence)")
      }
    }
    print("report: \(destination.appending(path: "report.html").path(percentEncoded: false))")
  }

  private func study(of base: ModelFolder, in folder: URL) throws -> Study {
    let tokenizer = try base.tokenizer()
    let encoding = TokenEncoding(tokenizer)
    let context = min(text.context ?? 2048, base.architecture.contextLength ?? .max)
    let file = URL(filePath: calibration)
    return Study(
      base: base, requests: try requests(context: context),
      calibration: { request in
        try CalibrationText(
          file, tokenizer: tokenizer, beginToken: encoding.beginToken, count: request.samples,
          context: min(request.context, base.architecture.contextLength ?? .max), seed: request.seed)
      }, windows: try text.windows(encoding), folder: folder)
  }

  /// Every method for every preset, then the recipes; each once for each seed.
  private func requests(context: Int) throws -> [QuantizationRequest] {
    var requests: [QuantizationRequest] = []
    for name in to {
      guard let preset = Preset(named: name) else {
        throw ValidationError(
          "--to \(name): there is no such preset; use \(Preset.all.map(\.name).joined(separator: ", ")).")
      }
      for variant in method {
        var request = try QuantizationRequest(variant: variant, preset: preset)
        (request.samples, request.context) = (samples, context)
        requests.append(request)
      }
    }
    for path in recipe { requests.append(try QuantizationRequest(recipe: URL(filePath: path))) }
    return requests.flatMap { request in
      seed.map { seed in
        var seeded = request
        seeded.seed = seed
        return seeded
      }
    }
  }
}

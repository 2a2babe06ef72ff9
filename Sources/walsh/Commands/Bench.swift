import ArgumentParser
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization
import WalshReports
import WalshTensor

extension KernelCase.Group: ExpressibleByArgument {}

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure kernels beside the machine's own copy rate, the speed of a model, or that of a calibration.",
    subcommands: [BenchKernels.self, BenchModel.self, BenchFlatQuant.self], defaultSubcommand: BenchKernels.self)
}

struct BenchKernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "group",
    abstract: "Measure kernels beside the machine's own copy rate.",
    discussion: """
      fwht are Hadamard transforms, formats quantizing and packing, matmul products with packed and plain weights, kernels \
      the products of four-bit weights beside what the machine reads and computes at best, scan Mamba's selective scan \
      beside its scalar reference. Each is measured in alternating \
      rounds with memcpy on as much memory; quote the ratio. --kernels forces an instruction set.

      Example:
        walsh bench fwht --threads 1 --json
      """)

  @Argument(help: "fwht, formats, matmul, kernels or scan.")
  var kernels: KernelCase.Group

  @OptionGroup var options: RunOptions

  func run() throws {
    let bar = options.start()
    Parallel.workerCount = options.threads ?? 1
    let results = KernelBenchmark().measure(kernels.cases, progress: bar.show)
    bar.clear()
    if options.json { return printJSON(.array(results.map(\.json))) }
    print(TextTable(Table(results)).text(.standard))
    print(
      "Kernels for \(InstructionSet.best), \(Parallel.workerCount) thread\(Parallel.workerCount == 1 ? "" : "s").")
  }
}

struct BenchModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Measure how fast a model reads a prompt and continues it.",
    discussion: """
      The prompt is made up; reading the folder is not in the times. Of several rounds the median counts.

      Example:
        walsh bench model small-mxfp4 --prompt 512 --tokens 64 --threads 2 --json
      """)

  @OptionGroup var model: ModelArgument
  @Option(help: ArgumentHelp("The tokens of the prompt.", valueName: "count"))
  var prompt = 512
  @Option(help: ArgumentHelp("The tokens that follow it.", valueName: "count"))
  var tokens = 64
  @Option(help: ArgumentHelp("The rounds.", valueName: "count"))
  var rounds = 3
  @OptionGroup var activations: ActivationOptions
  @OptionGroup var options: RunOptions

  func validate() throws {
    try requirePositive([("--prompt", prompt), ("--tokens", tokens), ("--rounds", rounds)])
  }

  func run() throws {
    _ = options.start()
    let model = try self.model.open().model(activations: activations.precision(else: .int8))
    // Distinct tokens in no order, the same for other runtimes: Benchmarks/decode.
    let text = (0..<prompt).map { (7919 * $0 + 13) % model.vocabularySize }
    let speed = model.decodeSpeed(prompt: text, tokens: tokens, repeats: rounds)
    if options.json { return printJSON(speed.json) }
    print("prompt      \(speed.promptTokensPerSecond.fixed(1)) tokens/s")
    print("decode      \(speed.tokensPerSecond.fixed(1)) tokens/s")
  }
}

struct BenchFlatQuant: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flatquant",
    abstract: "Measure FlatQuant's calibration beside the machine's matrix products.",
    discussion: """
      A made-up Llama is calibrated block by block as quantize does it. Both rates count the operations that the method \
      needs; the seconds hold everything.

      Example:
        walsh bench flatquant --width 512 --blocks 4 --json
      """)

  @Option(help: ArgumentHelp("The width of the model.", valueName: "channels"))
  var width = 512
  @Option(help: ArgumentHelp("The width of its feed-forward networks.", valueName: "channels"))
  var feedForward = 1408
  @Option(help: ArgumentHelp("The attention heads.", valueName: "count"))
  var heads = 8
  @Option(help: ArgumentHelp("The blocks.", valueName: "count"))
  var blocks = 4
  @Option(help: ArgumentHelp("The calibration windows.", valueName: "count"))
  var samples = 128
  @Option(help: ArgumentHelp("The tokens of a window.", valueName: "count"))
  var context = 256
  @Option(help: ArgumentHelp("The passes over the windows.", valueName: "count"))
  var epochs = 15
  @Option(help: ArgumentHelp("The formats.", valueName: "preset"))
  var to = "W4A4KV4"
  @OptionGroup var options: RunOptions

  func validate() throws {
    try requirePositive([
      ("--width", width), ("--feed-forward", feedForward), ("--heads", heads), ("--blocks", blocks),
      ("--samples", samples), ("--context", context), ("--epochs", epochs),
    ])
    guard width % heads == 0, width / heads % 2 == 0 else {
      throw ValidationError("--heads \(heads): heads must divide the width \(width) into even sizes.")
    }
    guard Preset(named: to) != nil else { throw ValidationError("--to \(to): there is no such preset.") }
  }

  func run() throws {
    let bar = options.start()
    var sizes = FlatQuantBenchmark.Sizes()
    (sizes.width, sizes.feedForward, sizes.heads, sizes.keyHeads) = (width, feedForward, heads, heads)
    (sizes.blocks, sizes.samples, sizes.length) = (blocks, samples, context)
    var settings = FlatQuantSettings()
    settings.epochs = epochs
    guard let preset = Preset(named: to) else { return }
    let result = try FlatQuantBenchmark(sizes, settings: settings, preset: preset).measure(progress: bar.show)
    bar.clear()
    if options.json { return printJSON(result.json) }
    print("block       \(duration(result.secondsPerBlock)), \(result.steps) steps")
    print("method      \((result.rate / 1e9).fixed(1)) GFLOP/s of \((result.operations / 1e9).fixed(0)) GFLOP")
    print("products    \((result.productRate / 1e9).fixed(1)) GFLOP/s")
    print("share       \((100 * result.share).fixed(1)) %")
  }
}

/// Refuses the first option whose value is below 1.
private func requirePositive(_ options: [(name: String, value: Int)]) throws {
  for (name, value) in options where value < 1 {
    throw ValidationError("\(name) \(value): it is at least 1.")
  }
}

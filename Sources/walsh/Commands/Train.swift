import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshModels
import WalshReports
import WalshTraining

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a small language model from the beginning.",
    discussion: """
      Learns a Llama or a Mamba, and its vocabulary, from plain text, JSON or JSON lines. The folder is a whole Hugging \
      Face model at any moment. Interrupted at any point, the same command with --resume ends in the same bytes.

      Examples:
        walsh train --layers 4 --width 256 --text stories.json --steps 1000 --batch 8 --context 256 --output tiny
        walsh train --architecture mamba --layers 4 --width 144 --text stories.json --output scan
        walsh train --config training.yaml --recipe nvfp4 --output tiny4
        walsh train --resume --output tiny
        walsh train --recipe nvfp4 --explain
      """)

  @Option(
    name: .customLong("config"),
    help: ArgumentHelp("A configuration file; options on the command line override it.", valueName: "file.yaml"),
    completion: .file(extensions: ["yaml", "yml"]))
  var file: String?

  @OptionGroup(title: "What to train, and how") var train: TrainOptions

  @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"), completion: .directory)
  var output: String?

  @Flag(help: "Continue an interrupted run; options that are not given are those of the run.")
  var resume = false

  @Flag(help: "Replace the output folder.")
  var force = false

  @Flag(help: "Print how the recipe computes every product, and stop.")
  var explain = false

  @OptionGroup var options: RunOptions

  func validate() throws {
    if output == nil && !explain { throw ValidationError("Say where to write: --output FOLDER.") }
    if resume && force {
      throw ValidationError("--resume continues a run and --force starts anew; give one of them.")
    }
  }

  func run() throws {
    let bar = options.start()
    let destination = output.map { URL(filePath: $0, directoryHint: .isDirectory) }
    let configuration = try configuration(for: destination)
    guard let destination, !explain else { return try showTable(configuration) }
    let interruption = Interruption("Interrupted; the same command with --resume continues.")
    defer { interruption.cancel() }
    bar.show(ProgressUpdate("reading the text", done: 0, total: configuration.steps))
    var run = try TrainingRun(
      configuration, in: destination, existing: force ? .replace : resume ? .resume : .refuse)
    let start = Date()
    bar.clear()
    if !options.quiet { note(run.resumption ?? beginning(run)) }
    try run.run { update in
      bar.show(
        ProgressUpdate(
          "step \(update.step) of \(update.steps), loss \(update.loss.fixed(4)), "
            + "\(Int(update.tokensPerSecond.rounded())) tokens/s, \(byteText(peakMemory()))", done: update.step,
          total: update.steps))
      if options.json, let entry = update.entry { printLine(entry, update.tokensPerSecond) }
    }
    bar.clear()
    try Report(run).write(to: destination)
    if !options.json { show(run, seconds: Date().timeIntervalSince(start)) }
  }

  /// The file's configuration, or that of the run to be resumed, or the default one; with the options on top.
  private func configuration(for destination: URL?) throws -> TrainingConfiguration {
    if let file { return train.applied(to: try TrainingConfiguration(contentsOf: URL(filePath: file))) }
    let resumed = try resume ? destination.flatMap { try TrainingRun.configuration(of: $0) } : nil
    return train.applied(to: resumed ?? TrainingConfiguration())
  }

  // MARK: Output

  private func showTable(_ configuration: TrainingConfiguration) throws {
    let rows = try MatmulRecipes.named(configuration.recipe).table
    if options.json {
      return printJSON(
        .array(
          rows.map { row in .object(JSONObject(zip(RecipeRow.headings, row.cells).map { ($0, .string($1)) })) }))
    }
    let table = Table(
      columns: RecipeRow.headings.map { Table.Column($0, .leading) },
      rows: rows.map { $0.cells.map { Table.Cell($0) } }
    )
    print(TextTable(table).text(.standard))
  }

  private func beginning(_ run: TrainingRun) -> String {
    let windows = run.trainer.loader.windows
    let size = run.trainer.parameters.reduce(0) { $0 + $1.count }
    return "\(size) parameters, \(windows.count * windows.context) tokens to learn from"
  }

  private func note(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

  private func printLine(_ entry: TrainingHistory.Entry, _ tokensPerSecond: Double) {
    let line: JSON = [
      "step": .number(JSONNumber(entry.step)), "loss": .number(JSONNumber(entry.loss)),
      "validationLoss": entry.validationLoss.map { .number(JSONNumber($0)) } ?? .null,
      "tokensPerSecond": .number(JSONNumber(tokensPerSecond)),
      "learningRate": .number(JSONNumber(entry.learningRate)),
    ]
    // Not print, which keeps lines back when they go into a pipe.
    FileHandle.standardOutput.write(Data(line.serialized() + [UInt8(ascii: "\n")]))
  }

  private func show(_ run: TrainingRun, seconds: Double) {
    if let last = run.history.entries.last {
      print("loss             \(last.loss.fixed(4))")
      if let validationLoss = last.validationLoss { print("validation loss  \(validationLoss.fixed(4))") }
    }
    print("time             \(duration(seconds))")
    print("written to \(run.folder.path(percentEncoded: false))")
    print("report: \(run.folder.appending(path: "report.html").path(percentEncoded: false))")
  }
}

import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshReports

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare quantized models with their base, side by side.",
    discussion: """
      All models score the same tokens. KL is the mean divergence of a model's predictions from the base's, in nats; \
      top-1 the share of tokens where both find the same token likeliest. Ranges are 95 % intervals over documents.

      Example:
        walsh compare model small-mxfp4 small-nvfp4 --documents stories.json --limit 100 --context 256 --report out
      """)

  @OptionGroup var base: ModelArgument
  @Argument(help: "The folders to compare with it.", completion: .directory)
  var quantized: [String]
  @OptionGroup var text: TextOptions
  @Option(help: ArgumentHelp("Write report.html, report.md and report.json here.", valueName: "folder"))
  var report: String?
  @OptionGroup var options: RunOptions

  func validate() throws {
    try text.require()
    if quantized.isEmpty { throw ValidationError("Give at least one folder to compare with the base.") }
  }

  func run() throws {
    let bar = options.start()
    let folder = try base.open()
    let candidates = try quantized.map { path in
      let candidate = try ModelFolder(HubCache().folder(for: path))
      return (name: candidate.name, folder: candidate)
    }
    let windows = try text.windows(TokenEncoding(try folder.tokenizer()))
    let comparison = try Comparison(base: folder, candidates: candidates, on: windows, progress: bar.show)
    bar.clear()
    if let report {
      let destination = URL(filePath: report, directoryHint: .isDirectory)
      try Report(
        title: "\(folder.name) and its quantized versions",
        summary: "All models scored the same \(windows.tokenCount) tokens (\(windows.scoring)).",
        comparison: comparison,
        command: CommandLine.arguments.joined(separator: " ")
      ).write(to: destination)
    }
    if options.json { return printJSON(comparison.json) }
    print(TextTable(comparison.table).text(.standard))
    if let report { print("report: \(report)/report.html") }
  }
}

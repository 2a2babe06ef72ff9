import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshReports
import WalshTraining

struct Runs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare training runs that differ in recipe and seed.",
    discussion: """
      Reads what walsh train noted and sets the held-out losses of all recipes side by side, with the gap to one of them, \
      paired seed by seed. ± is the standard deviation over seeds.

      Example:
        walsh runs out/recipes/*-[123] --base bf16 --report out/recipes
      """)

  @Argument(help: "The folders of the runs.", completion: .directory)
  var folders: [String]
  @Option(
    help: ArgumentHelp("The recipe to measure the others by; that of the first run if missing.", valueName: "name"))
  var base: String?
  @Option(
    help: ArgumentHelp("Write report.html, report.md, report.json, gap.svg and loss.svg here.", valueName: "folder"))
  var report: String?
  @OptionGroup var options: RunOptions

  func run() throws {
    let records = try folders.map { try TrainingRecord(contentsOf: URL(filePath: $0, directoryHint: .isDirectory)) }
    let comparison = try RunComparison(records, base: base)
    if let report {
      let destination = URL(filePath: report, directoryHint: .isDirectory)
      try Report(comparison, command: CommandLine.arguments.joined(separator: " ")).write(to: destination)
      for (name, plot) in zip(["gap.svg", "loss.svg"], comparison.plots) {
        try DurableFile.write(Array(plot.svg.standalone.utf8), to: destination.appending(path: name))
      }
    }
    if options.json { return printJSON(comparison.json) }
    print(TextTable(comparison.table).text(.standard))
    if let report { print("report: \(report)/report.html") }
  }
}

import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshFormats
import WalshModels
import WalshReports
import WalshTraining

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model is made of: sizes, groups, formats, weight statistics, outlier patterns.",
    discussion: """
      A group is a set of linear layers that read the same activation; it is the unit that a method transforms. What a \
      group's source can absorb is folded into the weights before it, the rest acts at run time.

      With --patterns the model reads a text, forward and backward, and AdaHOP's detector tells whether the large values \
      of activations X, weights W and output gradients E lie in rows, in columns or nowhere in particular. Every product \
      of every layer is then computed in every mode of AdaHOP, and its error shown by pattern.

      Examples:
        walsh inspect model
        walsh inspect model --weights
        walsh inspect model --patterns --documents stories.json --windows 30 --report patterns.html
      """)

  @OptionGroup var model: ModelArgument
  @Flag(help: "Measure every linear weight: largest magnitude, standard deviation, kurtosis.")
  var weights = false
  @Flag(help: "Study outlier patterns on a text, and how well each mode of AdaHOP computes each product.")
  var patterns = false
  @OptionGroup(title: "The text of --patterns") var text: TextOptions
  @Option(help: ArgumentHelp("Read the first windows of the text.", valueName: "count"))
  var windows = 8
  @Option(
    help: ArgumentHelp("A format whose errors are measured, such as NVFP4; may be repeated.", valueName: "format"))
  var format: [String] = ["MXFP4"]
  @Option(
    help: ArgumentHelp(
      "Extract so many lines of an operand, however few there are; without, 64 and at most a sixteenth.",
      valueName: "count"))
  var extract: Int?
  @Option(
    help: ArgumentHelp("Write the study of patterns as a page.", valueName: "file.html"),
    completion: .file(extensions: ["html"]))
  var report: String?
  @OptionGroup var options: RunOptions

  func validate() throws {
    if patterns {
      try text.require()
    } else if text.isGiven || report != nil {
      throw ValidationError("A text and --report belong to --patterns; give that, too.")
    }
    if windows < 1 { throw ValidationError("--windows \(windows): at least one window is needed.") }
    if let extract, extract < 1 { throw ValidationError("--extract \(extract): at least one line is extracted.") }
    _ = try settings()
  }

  func run() throws {
    let bar = options.start()
    let folder = try model.open()
    let page = report.map { URL(filePath: $0) }
    // Before the study, which may take long.
    if let parent = page?.deletingLastPathComponent() {
      try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    }
    var inspection = try ModelInspection(folder, measuringWeights: weights, progress: bar.show)
    if patterns { inspection.patterns = try study(folder, bar) }
    bar.clear()
    if let page, let study = inspection.patterns {
      let text = URL(filePath: text.documents ?? text.text ?? "").lastPathComponent
      let command = CommandLine.arguments.joined(separator: " ")
      try DurableFile.write(
        Array(Report(study, model: folder.name, text: text, command: command).html.utf8), to: page)
    }
    if options.json { return printJSON(inspection.json) }
    for (name, value) in inspection.facts { print(name.padding(toLength: 14, withPad: " ", startingAt: 0) + value) }
    print("\n" + TextTable(inspection.groupTable).text(.standard))
    if let table = inspection.weightTable { print(TextTable(table).text(.standard)) }
    for section in inspection.patterns?.sections ?? [] {
      print("\(section.heading)\n\n\(TextTable(section.table).text(.standard))\n\(section.note)\n")
    }
    if let report { print("report: \(report)") }
  }

  private func study(_ folder: ModelFolder, _ bar: ProgressBar) throws -> PatternStudy {
    var text = text
    if text.context == nil { text.context = min(2048, folder.architecture.contextLength ?? .max) }
    let all = try text.windows(TokenEncoding(try folder.tokenizer()))
    return try PatternStudy(
      folder, windows: all.windows.prefix(windows).map(\.tokens), settings: settings(), progress: bar.show)
  }

  private func settings() throws -> PatternStudy.Settings {
    var settings = PatternStudy.Settings()
    settings.formats = try format.map { name in
      guard let format = NumericFormat(name: name), format.element == .e2m1 else {
        throw ValidationError("--format \(name): there is no such format of four bits; use MXFP4 or NVFP4.")
      }
      return format
    }
    if let extract { (settings.extractionCount, settings.extractionShare) = (extract, 1) }
    return settings
  }
}

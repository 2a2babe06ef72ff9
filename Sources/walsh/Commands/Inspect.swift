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
    abstract: "Show what a model is made of: sizes, groups, formats, weights, channels, outlier patterns.",
    discussion: """
      A group is a set of linear layers that read the same activation; it is the unit that a method transforms. What a \
      group's source can absorb is folded into the weights before it, the rest acts at run time.

      With --channels the model reads a text, and the channels of every group's activation and weights are measured before \
      and after transforms, with the error of rounding each. A quantized model is shown as it is stored, beside its --base.

      With --patterns the model reads a text, forward and backward, and AdaHOP's detector tells whether the large values \
      of activations X, weights W and output gradients E lie in rows, in columns or nowhere in particular. Every product \
      of every layer is then computed in every mode of AdaHOP, and its error shown by pattern.

      Examples:
        walsh inspect model
        walsh inspect model --weights
        walsh inspect model --channels --documents stories.json --format MXFP4 --output channels
        walsh inspect small --channels --base model --documents stories.json
        walsh inspect model --patterns --documents stories.json --windows 30 --report patterns.html
      """)

  @OptionGroup var model: ModelArgument
  @Flag(help: "Measure every linear weight: largest magnitude, standard deviation, kurtosis.")
  var weights = false
  @Flag(help: "Measure the channels of activations and weights on a text, before and after transforms.")
  var channels = false
  @Flag(help: "Study outlier patterns on a text, and how well each mode of AdaHOP computes each product.")
  var patterns = false
  @OptionGroup(title: "The text of --channels and --patterns") var text: TextOptions
  @Option(help: ArgumentHelp("Read the first windows of the text; 8 unless given.", valueName: "count"))
  var windows: Int?
  @Option(
    help: ArgumentHelp(
      "The format whose errors are measured, MXFP4 unless given; --patterns takes several.", valueName: "format"))
  var format: [String] = []
  @Option(
    help: ArgumentHelp("With --channels: the model that this one was quantized from.", valueName: "model"),
    completion: .directory)
  var base: String?
  @Option(
    help: ArgumentHelp(
      "With --channels: write report.html, report.md, report.json and each drawing here.", valueName: "folder"),
    completion: .directory)
  var output: String?
  @Option(
    help: ArgumentHelp(
      "With --patterns: extract so many lines of an operand, however few there are; without, 64 and at most a sixteenth.",
      valueName: "count"))
  var extract: Int?
  @Option(
    help: ArgumentHelp("With --patterns: write the study as a page.", valueName: "file.html"),
    completion: .file(extensions: ["html"]))
  var report: String?
  @OptionGroup var options: RunOptions

  func validate() throws {
    if patterns || channels { try text.require() }
    // An option that would change nothing is a mistake of whoever gave it.
    func refuse(_ option: String, _ isGiven: Bool, unless flag: String, _ isSet: Bool) throws {
      if isGiven && !isSet { throw ValidationError("\(option) belongs to \(flag); give that, too.") }
    }
    let studies = "--channels or --patterns"
    try refuse("A text", text.isGiven, unless: studies, channels || patterns)
    try refuse("--windows", windows != nil, unless: studies, channels || patterns)
    try refuse("--format", !format.isEmpty, unless: studies, channels || patterns)
    try refuse("--extract", extract != nil, unless: "--patterns", patterns)
    try refuse("--report", report != nil, unless: "--patterns", patterns)
    try refuse("--base", base != nil, unless: "--channels", channels)
    try refuse("--output", output != nil, unless: "--channels", channels)
    if let windows, windows < 1 { throw ValidationError("--windows \(windows): at least one window is needed.") }
    if let extract, extract < 1 { throw ValidationError("--extract \(extract): at least one line is extracted.") }
    if channels && !patterns && format.count > 1 {
      throw ValidationError("--channels rounds to one format; give --format once.")
    }
    if patterns { _ = try settings() }
    if channels { _ = try channelFormat() }
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
    if channels { inspection.channels = try channelStudy(folder, bar) }
    bar.clear()
    let textName = URL(filePath: text.documents ?? text.text ?? "").lastPathComponent
    let command = CommandLine.arguments.joined(separator: " ")
    if let output, let study = inspection.channels {
      try write(Report(study, model: folder.name, text: textName, command: command), to: output)
    }
    if let page, let study = inspection.patterns {
      try DurableFile.write(
        Array(Report(study, model: folder.name, text: textName, command: command).html.utf8), to: page)
    }
    if options.json { return printJSON(inspection.json) }
    for (name, value) in inspection.facts { print(name.padding(toLength: 14, withPad: " ", startingAt: 0) + value) }
    print("\n" + TextTable(inspection.groupTable).text(.standard))
    if let table = inspection.weightTable { print(TextTable(table).text(.standard)) }
    for section in inspection.patterns?.sections ?? [] {
      print("\(section.heading)\n\n\(TextTable(section.table).text(.standard))\n\(section.note)\n")
    }
    if let study = inspection.channels { print("\(TextTable(study.table).text(.standard))\n\(study.note)\n") }
    if let report { print("report: \(report)") }
    if let output { print("report: \(output)/report.html") }
  }

  private func study(_ folder: ModelFolder, _ bar: ProgressBar) throws -> PatternStudy {
    try PatternStudy(folder, windows: try firstWindows(folder), settings: settings(), progress: bar.show)
  }

  func firstWindows(_ folder: ModelFolder) throws -> [[Int]] {
    var text = text
    if text.context == nil { text.context = min(2048, folder.architecture.contextLength ?? .max) }
    return try text.windows(TokenEncoding(try folder.tokenizer())).windows.prefix(windows ?? 8).map(\.tokens)
  }

  private func settings() throws -> PatternStudy.Settings {
    var settings = PatternStudy.Settings()
    settings.formats = try (format.isEmpty ? ["MXFP4"] : format).map { name in
      guard let format = NumericFormat(name: name), format.element == .e2m1 else {
        throw ValidationError("--format \(name): there is no such format of four bits; use MXFP4 or NVFP4.")
      }
      return format
    }
    if let extract { (settings.extractionCount, settings.extractionShare) = (extract, 1) }
    return settings
  }
}

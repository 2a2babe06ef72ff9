import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshReports

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model is made of: sizes, groups, formats, weight statistics.",
    discussion: """
      A group is a set of linear layers that read the same activation; it is the unit that a method transforms. What a \
      group's source can absorb is folded into the weights before it, the rest acts at run time.

      Examples:
        walsh inspect model
        walsh inspect model --weights
      """)

  @OptionGroup var model: ModelArgument
  @Flag(help: "Measure every linear weight: largest magnitude, standard deviation, kurtosis.")
  var weights = false
  @OptionGroup var options: RunOptions

  func run() throws {
    let bar = options.start()
    let inspection = try ModelInspection(try model.open(), measuringWeights: weights, progress: bar.show)
    bar.clear()
    if options.json { return printJSON(inspection.json) }
    for (name, value) in inspection.facts { print(name.padding(toLength: 14, withPad: " ", startingAt: 0) + value) }
    print("\n" + TextTable(inspection.groupTable).text(.standard))
    if let table = inspection.weightTable { print(TextTable(table).text(.standard)) }
  }
}

import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshTensor

/// What every command takes.
struct RunOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How many threads to use. Results do not depend on it.", valueName: "n"))
  var threads: Int?

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(help: "Print no progress.")
  var quiet = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads \(threads): at least one thread is needed.") }
  }

  /// Applies the number of threads, and gives the bar that shows progress.
  func start() -> ProgressBar {
    if let threads { Parallel.workerCount = threads }
    return ProgressBar(isSilent: quiet)
  }
}

/// Writes JSON and nothing else to the standard output.
func printJSON(_ json: JSON) { print(String(decoding: json.serialized(pretty: true), as: UTF8.self)) }

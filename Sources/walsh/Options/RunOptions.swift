import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshTensor

/// What every command takes.
struct RunOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How many threads to use. Results do not depend on it.", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "The instruction set of the kernels: reference, avx2, avx512, dotprod or i8mm. The widest of the processor unless given.",
      valueName: "name"))
  var kernels: InstructionSet?

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(help: "Print no progress.")
  var quiet = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads \(threads): at least one thread is needed.") }
    if let kernels, !kernels.isAvailable {
      let others = InstructionSet.available.map(\.name).joined(separator: ", ")
      throw ValidationError("--kernels \(kernels.name): this processor runs \(others) only.")
    }
  }

  /// Applies the number of threads and the instruction set, and gives the bar that shows progress.
  func start() -> ProgressBar {
    if let threads { Parallel.workerCount = threads }
    if let kernels { InstructionSet.best = kernels }
    return ProgressBar(isSilent: quiet)
  }
}

extension InstructionSet: ExpressibleByArgument {
  /// The instruction set of a name: `reference`, `avx2`, `avx512`, `dotprod`, `i8mm`.
  public init?(argument: String) {
    guard let named = Self.allCases.first(where: { $0.name == argument }) else { return nil }
    self = named
  }

  public static var allValueStrings: [String] { allCases.map(\.name) }
}

/// Writes JSON and nothing else to the standard output.
func printJSON(_ json: JSON) { print(String(decoding: json.serialized(pretty: true), as: UTF8.self)) }

import ArgumentParser
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshReports
import WalshTensor

extension KernelCase.Group: ExpressibleByArgument {}

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure kernels beside the machine's own copy rate.",
    discussion: """
      fwht are Hadamard transforms, formats quantizing and packing, matmul products with packed and plain weights. Each is \
      measured in alternating rounds with memcpy on as much memory; quote the ratio.

      Example:
        walsh bench fwht --threads 1 --json
      """)

  @Argument(help: "fwht, formats or matmul.")
  var kernels: KernelCase.Group

  @OptionGroup var options: RunOptions

  func run() throws {
    let bar = options.start()
    Parallel.workerCount = options.threads ?? 1
    let results = KernelBenchmark().measure(kernels.cases, progress: bar.show)
    bar.clear()
    if options.json { return printJSON(.array(results.map(\.json))) }
    print(TextTable(Table(results)).text(.standard))
  }
}

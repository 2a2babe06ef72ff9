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
      fwht are Hadamard transforms, formats quantizing and packing, matmul products with packed and plain weights, kernels \
      the products of four-bit weights beside what the machine reads and computes at best. Each is measured in alternating \
      rounds with memcpy on as much memory; quote the ratio. --kernels forces an instruction set.

      Example:
        walsh bench fwht --threads 1 --json
      """)

  @Argument(help: "fwht, formats, matmul or kernels.")
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

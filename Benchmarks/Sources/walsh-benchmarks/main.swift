import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshReports
import WalshTensor

/// `walsh-benchmarks [fwht|formats|matmul|kernels]… [--threads N] [--output FOLDER]`: measures kernels beside copying memory, prints
/// the table, and writes `kernels.json` and `fwht.svg`.
struct Arguments {
  var groups: [KernelCase.Group] = []
  var threads = 1
  var output = URL(filePath: "results")

  init(_ arguments: some Sequence<String>) throws(EvaluationError) {
    var rest = arguments.makeIterator()
    while let argument = rest.next() {
      switch argument {
      case "--threads":
        guard let text = rest.next(), let count = Int(text), count > 0 else {
          throw EvaluationError(argument, "it needs a number of threads, such as 2.")
        }
        threads = count
      case "--output":
        guard let path = rest.next() else { throw EvaluationError(argument, "it needs a folder.") }
        output = URL(filePath: path)
      default:
        guard let group = KernelCase.Group(rawValue: argument) else {
          throw EvaluationError(argument, "there is no such group; choose fwht, formats, matmul or kernels.")
        }
        groups.append(group)
      }
    }
    if groups.isEmpty { groups = KernelCase.Group.allCases }
  }
}

/// Transforms against copies, by size, from cache and from memory.
func chart(_ results: [KernelResult]) -> SeriesChart {
  typealias Series = SeriesChart.Series
  let transforms = results.filter { $0.kernel == "fwht" }.sorted { $0.size < $1.size }
  // The two working sets of the cases are far apart; a single row of 2^20 belongs to the smaller.
  let cached = transforms.filter { $0.size * $0.rows <= 1 << 20 }
  let streamed = transforms.filter { $0.size * $0.rows > 1 << 20 }
  func points(_ results: [KernelResult], _ rate: (KernelResult) -> Double) -> [Series.Point] {
    results.map { Series.Point(x: Double($0.size), y: rate($0), name: "\($0.rows) rows of \($0.size)") }
  }
  return SeriesChart(
    title: "Fast Walsh–Hadamard transform", horizontal: "values in a row", vertical: "GB/s read and written",
    series: [
      Series("from cache", points(cached, \.gigabytesPerSecond)),
      Series("memcpy in cache", points(cached, \.copyGigabytesPerSecond)),
      Series("from memory", points(streamed, \.gigabytesPerSecond)),
      Series("memcpy in memory", points(streamed, \.copyGigabytesPerSecond)),
    ], horizontalSpacing: .binary)
}

do {
  let arguments = try Arguments(CommandLine.arguments.dropFirst())
  Parallel.workerCount = arguments.threads
  let results = KernelBenchmark().measure(arguments.groups.flatMap(\.cases)) { update in
    FileHandle.standardError.write(Data("\(update.done + 1)/\(update.total) \(update.label)\n".utf8))
  }
  print(TextTable(Table(results)).text(), terminator: "")
  try FileManager.default.createDirectory(at: arguments.output, withIntermediateDirectories: true)
  try DurableFile.write(
    JSON.array(results.map(\.json)).serialized(pretty: true), to: arguments.output.appending(path: "kernels.json"))
  if arguments.groups.contains(.fwht) {
    try DurableFile.write(Array(chart(results).svg.standalone.utf8), to: arguments.output.appending(path: "fwht.svg"))
  }
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}

import Foundation
import WalshEvaluation

extension Table {
  /// Kernels beside the copy rate of the same run, and beside their own limits where they have any: rate × limit.
  public init(_ results: [KernelResult]) {
    func rounded(_ x: Double) -> String { String(format: x < 10 ? "%.2f" : "%.1f", x) }
    let limits = KernelLimit.allCases.filter { limit in results.contains { $0.limits.contains { $0.limit == limit } }
    }
    self.init(
      columns: [Column("Kernel", .leading)]
        + ["Size", "Rows", "µs", "GB/s", "Copy GB/s", "Ratio to copy", "GFLOPS"].map { Column($0) }
        + limits.map { Column("Of \($0.rawValue)") },
      rows: results.map { result in
        [
          Cell(result.kernel), "\(result.size)", "\(result.rows)", Cell(rounded(result.seconds * 1e6)),
          Cell(rounded(result.gigabytesPerSecond)), Cell(rounded(result.copyGigabytesPerSecond)),
          Cell(rounded(result.ratioToCopy)), Cell(result.gigaflops.map(rounded) ?? ""),
        ]
          + limits.map { limit in
            Cell(
              result.limits.first { $0.limit == limit }.map { "\(rounded($0.ratio)) × \(rounded($0.rate))" } ?? "")
          }
      })
  }
}

import Foundation
import WalshEvaluation

extension Table {
  /// Kernels beside the copy rate of the same run.
  public init(_ results: [KernelResult]) {
    func rounded(_ x: Double) -> String { String(format: x < 10 ? "%.2f" : "%.1f", x) }
    self.init(
      columns: [Column("Kernel", .leading)]
        + ["Size", "Rows", "µs", "GB/s", "Copy GB/s", "Ratio to copy", "GFLOPS"].map { Column($0) },
      rows: results.map { result in
        [
          Cell(result.kernel), "\(result.size)", "\(result.rows)", Cell(rounded(result.seconds * 1e6)),
          Cell(rounded(result.gigabytesPerSecond)), Cell(rounded(result.copyGigabytesPerSecond)),
          Cell(rounded(result.ratioToCopy)), Cell(result.gigaflops.map(rounded) ?? ""),
        ]
      })
  }
}

import CKernels
import WalshTensor

/// Matrices that multiply the same activations in one parallel loop over the rows of all: the layers of a group.
///
/// In decoding a product takes as long as starting a loop for it costs several times over, and its last pieces keep one
/// thread waiting; one loop for q, k and v pays for that once.
public struct InterleavedGroup: Sendable {
  /// The matrices; their results follow each other in this order.
  public let matrices: [InterleavedMatrix]
  /// The rows of all matrices together.
  public let rows: Int
  private let parts: [Part]

  /// A matrix as the loop sees it.
  private struct Part: @unchecked Sendable {
    let matrix: walsh_interleaved
    let divisor: Float
    /// The panels of sixteen rows.
    let panels: Int
    /// The first item of the loop that belongs to the matrix, and the one behind the last.
    let items: Range<Int>
    /// Where its results begin.
    let column: Int
  }

  /// The panels that an item of the loop takes: they meet a tile of activations in the second cache.
  private static let step = 4

  /// Groups at least one matrix; nil when they do not take the same rows.
  public init?(_ matrices: [InterleavedMatrix]) {
    guard let first = matrices.first, matrices.allSatisfy({ $0.takesRows(for: first) }) else { return nil }
    self.matrices = matrices
    var parts: [Part] = []
    var column = 0
    for matrix in matrices {
      let panels = (matrix.rows + InterleavedLayout.panelRows - 1) / InterleavedLayout.panelRows
      let start = parts.last?.items.upperBound ?? 0
      parts.append(
        Part(
          matrix: matrix.kernelMatrix, divisor: matrix.globalScale ?? 1, panels: panels,
          items: start..<start + (panels + Self.step - 1) / Self.step, column: column))
      column += matrix.rows
    }
    self.parts = parts
    rows = column
  }

  /// x Wᵀ for all matrices, written to `y`: a row of all results, one matrix after the other, for each token. Allocates
  /// nothing. Otherwise as `InterleavedMatrix.multiply`.
  ///
  /// - Precondition: `y` has room for `x.count · rows` values.
  public func multiply(_ x: QuantizedRows, into y: UnsafeMutableBufferPointer<Float>) {
    precondition(y.count >= x.count * rows, "\(y.count) values are no room for \(x.count) × \(rows) results.")
    if let y = y.baseAddress { multiply(x, isa: .best, into: y, stride: rows) }
  }

  func multiply(_ x: QuantizedRows, isa: InstructionSet, into y: UnsafeMutablePointer<Float>, stride: Int) {
    let (layout, columns) = (matrices[0].layout, matrices[0].columns)
    precondition(
      x.columns == columns && x.paddedColumns == layout.paddedColumns
        && (x.group == layout.group || x.group == layout.activationGroup),
      "Activations of \(x.columns) columns in groups of \(x.group) do not fit \(matrices[0].format) with \(columns) columns."
    )
    // Threads are awake in decoding, where products come one after the other: worth one are 10 µs at 300 GOPS or 30 GB/s.
    let microseconds = Double(max(1, layout.paddedColumns) * Self.step) * max(Double(x.rows) * 1e-4, 3e-4)
    x.withKernelRows { kernelRows in
      withUnsafePointer(to: kernelRows) { kernelRows in
        parts.withUnsafeBufferPointer { parts in
          guard let last = parts.last else { return }
          Parallel.forEach(
            last.items.upperBound, grain: max(1, Int(10 / microseconds)),
            sharing: (parts: parts, x: kernelRows, divisor: x.globalScale, isa: isa, y: y, stride: stride)
          ) { job, items in
            for part in job.parts where part.items.overlaps(items) {
              let own = items.clamped(to: part.items)
              let first = (own.lowerBound - part.items.lowerBound) * Self.step
              let end = min(part.panels, (own.upperBound - part.items.lowerBound) * Self.step)
              // A single tile reads the panels once, in one stream; several read them from the second cache.
              let height = job.x.pointee.rows > WALSH_TILE_ROWS ? Self.step : max(1, end - first)
              withUnsafePointer(to: part.matrix) { matrix in
                for panel in Swift.stride(from: first, to: end, by: height) {
                  walsh_multiply_interleaved(
                    job.isa.rawValue, matrix, panel, min(height, end - panel), job.x, part.divisor, job.divisor,
                    job.y + part.column, job.stride)
                }
              }
            }
          }
        }
      }
    }
    withExtendedLifetime(matrices) {}
  }
}

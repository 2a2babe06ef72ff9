import WalshFormats
import WalshTensor

/// Some rows of a weight while GPTQ rounds them, columns in the order of the factor.
struct GPTQPanel {
  private let rows: Range<Int>
  private let factor: GPTQ.Factor
  /// The rows in Float64, `n` values each: what is left to round, with all errors so far undone.
  private var values: [Double]

  private var n: Int { factor.order.count }

  /// - Parameters:
  ///   - rows: the rows.
  ///   - weight: all rows of the weight, row-major.
  ///   - factor: of the inputs' second moment.
  init(rows: Range<Int>, weight: UnsafeBufferPointer<Float>, factor: GPTQ.Factor) {
    self.rows = rows
    self.factor = factor
    let n = factor.order.count
    values = [Double](unsafeUninitializedCapacity: rows.count * n) { values, count in
      for (i, row) in rows.enumerated() {
        for (j, column) in factor.order.enumerated() { values[i * n + j] = Double(weight[row * n + column]) }
        for j in factor.deadPositions { values[i * n + j] = 0 }
      }
      count = rows.count * n
    }
  }

  /// Rounds `columns`, undoes their errors in all columns behind them, and writes the rounded weights to their places in
  /// `output`, a matrix like the weight.
  mutating func round(
    _ columns: Range<Int>, quantizer: Quantizer, scales: BlockScales, into output: UnsafeMutableBufferPointer<Float>
  ) {
    let (rows, n, order, width) = (rows, n, factor.order, columns.count)
    let groupSize = quantizer.format.groupSize(columns: n)
    // Each row decodes the scale of a group once, unless the order of the columns jumps between groups.
    let errors = [Double](unsafeUninitializedCapacity: rows.count * width) { errors, count in
      values.withUnsafeMutableBufferPointer { values in
        factor.upper.values.withUnsafeBufferPointer { upper in
          guard let values = values.baseAddress, let upper = upper.baseAddress, let errors = errors.baseAddress
          else { return }
          for (i, row) in rows.enumerated() {
            let line = values + i * n
            var group = -1
            var rounder = GroupRounder(quantizer, scales: scales, row: row, group: 0)
            for j in columns {
              let column = order[j]
              if column / groupSize != group {
                group = column / groupSize
                rounder = GroupRounder(quantizer, scales: scales, row: row, group: group)
              }
              let rounded = rounder.round(Float(line[j]), at: row * n + column)
              output[row * n + column] = rounded
              let u = upper + j * n
              let error = (line[j] - Double(rounded)) / u[j]
              errors[i * width + j - columns.lowerBound] = error
              for k in j + 1..<max(j + 1, columns.upperBound) { line[k] -= error * u[k] }
            }
          }
        }
      }
      count = rows.count * width
    }
    subtract(Matrix(rows: rows.count, columns: width, values: errors), of: columns)
  }

  /// V ← V − E·U for the columns behind `columns`.
  private mutating func subtract(_ errors: Matrix, of columns: Range<Int>) {
    let (n, rest) = (n, n - columns.upperBound)
    guard rest > 0 else { return }
    let upper = [Double](unsafeUninitializedCapacity: columns.count * rest) { slice, count in
      factor.upper.values.withUnsafeBufferPointer { upper in
        guard let from = upper.baseAddress, let to = slice.baseAddress else { return }
        for (i, j) in columns.enumerated() {
          (to + i * rest).initialize(from: from + j * n + columns.upperBound, count: rest)
        }
      }
      count = columns.count * rest
    }
    let product = errors * Matrix(rows: columns.count, columns: rest, values: upper)
    values.withUnsafeMutableBufferPointer { values in
      product.values.withUnsafeBufferPointer { product in
        guard let to = values.baseAddress, let from = product.baseAddress else { return }
        for i in 0..<rows.count {
          let (line, undone) = (to + i * n + columns.upperBound, from + i * rest)
          for k in 0..<rest { line[k] -= undone[k] }
        }
      }
    }
  }
}

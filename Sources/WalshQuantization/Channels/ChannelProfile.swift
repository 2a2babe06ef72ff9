import WalshTensor

/// How large the channels of an activation, or the columns of a weight, are: what "outlier" and "flat" mean in numbers.
public struct ChannelProfile: Sendable, Hashable {
  /// The number of rows seen: tokens, or outputs of a layer.
  public private(set) var rowCount = 0
  /// Σ x² of each channel.
  private var squares: [Double]
  /// The largest magnitude of each channel.
  public private(set) var maxima: [Double]
  /// Σ x⁴ of all values.
  private var fourths = 0.0

  /// A profile that has seen no row of `width` channels.
  public init(width: Int) {
    squares = Array(repeating: 0, count: width)
    maxima = Array(repeating: 0, count: width)
  }

  /// The profile of the rows of `x`, shape `[rows, width]`.
  public init(_ x: Tensor) {
    self.init(width: x.columns)
    add(x)
  }

  /// Takes in the rows of `x`, shape `[rows, width]`.
  public mutating func add(_ x: Tensor) {
    precondition(x.columns == squares.count, "Rows of \(x.columns) channels do not fit \(squares.count).")
    rowCount += x.rowCount
    x.withUnsafeBufferPointer { values in
      for start in stride(from: 0, to: values.count, by: squares.count) {
        for channel in squares.indices {
          let value = Double(values[start + channel])
          let square = value * value
          squares[channel] += square
          fourths += square * square
          maxima[channel] = max(maxima[channel], abs(value))
        }
      }
    }
  }

  /// The root mean square of each channel.
  public var magnitudes: [Double] {
    squares.map { rowCount > 0 ? ($0 / Double(rowCount)).squareRoot() : 0 }
  }

  /// Σx⁴·n / (Σx²)² of all n values, the fourth moment about zero: 3 for normal values of one size, more where few are large;
  /// 0 when all are zero.
  public var kurtosis: Double {
    let total = squares.reduce(0, +)
    return total > 0 ? fourths * Double(rowCount * squares.count) / (total * total) : 0
  }

  /// The coefficient of variation of the channels' magnitudes, standard deviation over mean: 0 when all are equally large,
  /// the flatness that FlatQuant's figures show; 0 also when all are zero.
  public var variation: Double {
    let magnitudes = magnitudes
    let mean = magnitudes.reduce(0, +) / Double(max(1, magnitudes.count))
    let spread = magnitudes.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, magnitudes.count))
    return mean > 0 ? spread.squareRoot() / mean : 0
  }

  /// The largest channel's magnitude over the median channel's: how far the worst channel stands out. Infinite when more than
  /// half of them are zero; 0 when all are.
  public var peak: Double {
    let sorted = magnitudes.sorted()
    guard let largest = sorted.last, largest > 0 else { return 0 }
    return largest / sorted[sorted.count / 2]
  }
}

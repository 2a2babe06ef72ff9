import WalshTensor

/// What calibration remembers of the activation that a group reads: never the activation itself.
public struct InputStatistics: Sendable {
  /// The number of tokens seen.
  public private(set) var tokenCount = 0
  /// The largest magnitude of each column.
  public private(set) var columnMaxMagnitudes: Tensor
  /// The second moment Σ xᵀx, when asked for.
  public private(set) var gram: Matrix?

  /// - Parameters:
  ///   - width: the width of the activation.
  ///   - collectingGram: whether to accumulate the second moment, width² numbers in Float64.
  public init(width: Int, collectingGram: Bool) {
    columnMaxMagnitudes = .zeros([width])
    gram = collectingGram ? .zeros(width, width) : nil
  }

  /// The largest magnitude of all.
  public var maxMagnitude: Float { columnMaxMagnitudes.maxMagnitude }

  /// Takes in the rows of `x`, shape `[tokens, width]`.
  public mutating func add(_ x: Tensor) {
    tokenCount += x.rowCount
    columnMaxMagnitudes = columnMaxMagnitudes.combined(with: x.columnMaxMagnitudes) { max($0, $1) }
    gram?.addGram(of: x)
  }
}

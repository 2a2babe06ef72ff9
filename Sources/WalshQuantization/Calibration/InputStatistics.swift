import WalshTensor

/// What calibration remembers of the activation that a group reads: sums and maxima, and as many rows as were asked for.
public struct InputStatistics: Sendable {
  /// What to remember beside the largest magnitudes.
  public struct Needs: Sendable, Hashable {
    /// Whether the second moment is summed up, width² numbers in Float64.
    public var gram: Bool
    /// How many rows of the activation are kept, from the first on.
    public var rows: Int

    public init(gram: Bool = false, rows: Int = 0) {
      self.gram = gram
      self.rows = rows
    }
  }

  /// The number of tokens seen.
  public private(set) var tokenCount = 0
  /// The largest magnitude of each column.
  public private(set) var columnMaxMagnitudes: Tensor
  /// The second moment Σ xᵀx, when asked for.
  public private(set) var gram: Matrix?
  private let rowLimit: Int
  private var kept: [Tensor] = []

  /// - Parameters:
  ///   - width: the width of the activation.
  ///   - needs: what to remember.
  public init(width: Int, needs: Needs = Needs()) {
    columnMaxMagnitudes = .zeros([width])
    gram = needs.gram ? .zeros(width, width) : nil
    rowLimit = needs.rows
  }

  /// The largest magnitude of all.
  public var maxMagnitude: Float { columnMaxMagnitudes.maxMagnitude }

  /// The first rows of the activation, shape `[rows, width]`: as many as were asked for, fewer when no more came.
  public var rows: Tensor {
    kept.isEmpty ? Tensor([], shape: [0, columnMaxMagnitudes.count]) : .stackingRows(kept)
  }

  /// Takes in the rows of `x`, shape `[tokens, width]`.
  public mutating func add(_ x: Tensor) {
    let missing = max(0, rowLimit - tokenCount)
    if missing > 0, x.rowCount > 0 { kept.append(x.rows(0..<min(missing, x.rowCount))) }
    tokenCount += x.rowCount
    columnMaxMagnitudes = columnMaxMagnitudes.combined(with: x.columnMaxMagnitudes) { max($0, $1) }
    gram?.addGram(of: x)
  }
}

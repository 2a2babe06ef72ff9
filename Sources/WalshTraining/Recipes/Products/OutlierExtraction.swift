import WalshTensor

/// Rows of an operand that a product computes apart, in bfloat16, so that quantization never sees them.
///
/// The operand's rows lie along an outer axis: a row of A gives one row of A·Bᵀ, a row of B one column, and no rotation
/// along the contraction axis can make them smaller. AdaHOP, section 2.6.
public enum OutlierExtraction: Sendable, Hashable {
  /// Nothing is taken out.
  case none
  /// At most `count` rows of A, chosen whenever the product is computed; B is kept in bfloat16 beside its codes.
  case left(Ranking, count: Int)
  /// At most `count` rows of B, chosen when B is prepared.
  case right(Ranking, count: Int)

  /// Which rows are the largest. Equal rows: the first. A row with NaN is larger than any number.
  public enum Ranking: String, Sendable, Hashable, CaseIterable {
    /// By the sum of squares.
    case energy
    /// By the largest magnitude.
    case magnitude

    /// The indices of the `count` largest rows of `x` (all, if there are fewer), in ascending order.
    func largestRows(of x: Tensor, count: Int) -> [Int] {
      let n = x.columns
      let scores: [Double] = x.withUnsafeBufferPointer { values in
        (0..<x.rowCount).map { i in
          let row = values[i * n..<(i + 1) * n]
          let score =
            switch self {
            case .energy: row.reduce(0.0) { $0 + Double($1) * Double($1) }
            case .magnitude: row.reduce(0.0) { $1.isNaN ? .nan : max($0, Double(abs($1))) }
            }
          return score.isNaN ? .infinity : score
        }
      }
      let order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
      return order.prefix(count).sorted()
    }
  }
}

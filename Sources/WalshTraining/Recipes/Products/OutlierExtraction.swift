import WalshTensor

/// Lines of an operand that a product computes apart, in bfloat16, so that quantization never sees them.
///
/// The operand's rows lie along an outer axis: a row of A gives one row of A·Bᵀ, a row of B one column, and no rotation
/// along the contraction axis can make them smaller. AdaHOP, section 2.6. Columns lie along the contraction axis: those
/// of A, times the same columns of B, are a product of low rank that is added. AdaHOP, section 4.2.
public enum OutlierExtraction: Sendable, Hashable {
  /// Nothing is taken out.
  case none
  /// At most `count` rows of A, chosen whenever the product is computed; B is kept in bfloat16 beside its codes.
  case left(Ranking, count: Int)
  /// At most `count` rows of B, chosen when B is prepared.
  case right(Ranking, count: Int)
  /// At most `count` columns of A, with the columns of B that they meet. Which, is known when A is: B is kept in
  /// Float32 and prepared when the product is computed.
  case leftColumns(Ranking, count: Int)

  /// Which lines are the largest. Equal lines: the first. A line with NaN is larger than any number.
  public enum Ranking: String, Sendable, Hashable, CaseIterable {
    /// By the sum of squares.
    case energy
    /// By the largest magnitude.
    case magnitude

    /// The indices of the `count` largest rows of `x` (all, if there are fewer), in ascending order.
    func largestRows(of x: Tensor, count: Int) -> [Int] {
      let n = x.columns
      let scores: [Double] = x.withUnsafeBufferPointer { values in
        (0..<x.rowCount).map { i in values[i * n..<(i + 1) * n].reduce(0.0) { joined($0, $1) } }
      }
      return largest(scores, count: count)
    }

    /// The indices of the `count` largest columns of `x` (all, if there are fewer), in ascending order.
    func largestColumns(of x: Tensor, count: Int) -> [Int] {
      let n = x.columns
      var scores = [Double](repeating: 0, count: n)
      x.withUnsafeBufferPointer { values in
        for i in 0..<x.rowCount { for j in 0..<n { scores[j] = joined(scores[j], values[i * n + j]) } }
      }
      return largest(scores, count: count)
    }

    /// The score of a line with one more value.
    private func joined(_ score: Double, _ value: Float) -> Double {
      switch self {
      case .energy: score + Double(value) * Double(value)
      case .magnitude: score.isNaN || value.isNaN ? .nan : max(score, Double(abs(value)))
      }
    }

    private func largest(_ scores: [Double], count: Int) -> [Int] {
      let scores = scores.map { $0.isNaN ? .infinity : $0 }
      let order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
      return order.prefix(count).sorted()
    }
  }
}

import WalshEvaluation

extension Comparison {
  /// The models side by side. Intervals are 95 %; columns that no model has a figure for are left out; the best of the
  /// candidates is emphasised where there are several.
  public var table: Table {
    let figures = ComparisonFigure.all.filter { figure in rows.contains { figure.value($0) != nil } }
    var table = Table(columns: [Table.Column("Model", .leading)] + figures.map { Table.Column($0.title) })
    let candidates = rows.dropFirst()
    for row in rows {
      let isBase = row == rows.first
      let cells = figures.map { figure -> Table.Cell in
        guard let value = figure.value(row) else { return Table.Cell("–", .muted) }
        let rivals = candidates.compactMap(figure.value)
        let best = figure.lowerIsBetter ? rivals.min() : rivals.max()
        let isBest = !isBase && rivals.count > 1 && value == best && Set(rivals).count > 1
        return Table.Cell(figure.text(row, value), isBest ? .best : .none)
      }
      table.append([Table.Cell(row.name)] + cells)
    }
    return table
  }
}

/// One column of a comparison.
struct ComparisonFigure: Sendable {
  let title: String
  let lowerIsBetter: Bool
  /// The figure that decides which is best; nil when unknown.
  let value: @Sendable (ComparisonRow) -> Double?
  /// How it is written.
  let text: @Sendable (ComparisonRow, Double) -> String

  static let all = [
    Self(title: "Loss", lowerIsBetter: true, value: { $0.loss.loss }) { Figure.fixed($1, 4) },
    Self(title: "Perplexity", lowerIsBetter: true, value: { $0.loss.perplexity }) { Figure.significant($1, 5) },
    Self(title: "Δ loss", lowerIsBetter: true, value: { $0.divergence?.lossDifference.value }) { row, value in
      Figure.signed(value, 4) + spread(row.divergence?.lossDifference.interval, value) { Figure.fixed($0, 4) }
    },
    Self(title: "KL", lowerIsBetter: true, value: { $0.divergence?.kl.value }) { row, value in
      Figure.significant(value, 3) + spread(row.divergence?.kl.interval, value) { Figure.significant($0, 2) }
    },
    Self(title: "KL 99.9 %", lowerIsBetter: true, value: { $0.divergence?.kl999 }) { Figure.significant($1, 3) },
    Self(title: "Same top-1", lowerIsBetter: false, value: { $0.divergence?.top1Agreement.value }) { row, value in
      Figure.percent(value, 2) + spread(row.divergence?.top1Agreement.interval, value) { Figure.fixed(100 * $0, 2) }
    },
    Self(title: "Bits/weight", lowerIsBetter: true, value: { $0.size?.bitsPerWeight }) { Figure.fixed($1, 2) },
    Self(title: "Size", lowerIsBetter: true, value: { $0.size.map { Double($0.folderBytes) } }) {
      Figure.bytes($0.size?.folderBytes ?? Int($1))
    },
    Self(title: "Tokens/s", lowerIsBetter: false, value: { $0.decodeTokensPerSecond }) { Figure.significant($1, 3) },
  ]

  /// ` ± half the width` of an interval around `value`; empty without one.
  private static func spread(
    _ interval: ConfidenceInterval?, _ value: Double, _ write: (Double) -> String
  ) -> String {
    interval.map { " ± " + write(($0.high - $0.low) / 2) } ?? ""
  }
}

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
        let text = figure.text(row, value)
        let detail = figure.interval(row).map { spread($0, beside: text) } ?? ""
        return Table.Cell(text, detail: detail, isBest ? .best : .none)
      }
      table.append([Table.Cell(row.name)] + cells)
    }
    return table
  }
}

/// ± half of an interval with as many decimals as `text` has; a percentage has no second sign.
private func spread(_ interval: ConfidenceInterval, beside text: String) -> String {
  let half = (interval.high - interval.low) / 2
  if text.contains("·") { return "± " + Figure.significant(half, 2) }
  let isPercent = text.hasSuffix("%")
  let decimals = text.split(separator: ".").dropFirst().first?.prefix { $0.isNumber }.count ?? 0
  return "± " + Figure.fixed(isPercent ? 100 * half : half, decimals)
}

/// One column of a comparison.
struct ComparisonFigure: Sendable {
  let title: String
  let lowerIsBetter: Bool
  /// The figure that decides which is best; nil when unknown.
  let value: @Sendable (ComparisonRow) -> Double?
  /// How far the figure can be trusted; nil when that is not known.
  var interval: @Sendable (ComparisonRow) -> ConfidenceInterval? = { _ in nil }
  /// How it is written.
  let text: @Sendable (ComparisonRow, Double) -> String

  static let all = [
    Self(title: "Loss", lowerIsBetter: true, value: { $0.loss.loss }) { Figure.fixed($1, 4) },
    Self(title: "Perplexity", lowerIsBetter: true, value: { $0.loss.perplexity }) { Figure.significant($1, 5) },
    Self(
      title: "Δ loss", lowerIsBetter: true, value: { $0.divergence?.lossDifference.value },
      interval: { $0.divergence?.lossDifference.interval }
    ) { Figure.signed($1, 4) },
    Self(
      title: "KL", lowerIsBetter: true, value: { $0.divergence?.kl.value }, interval: { $0.divergence?.kl.interval }
    ) { Figure.significant($1, 3) },
    Self(title: "KL 99.9 %", lowerIsBetter: true, value: { $0.divergence?.kl999 }) { Figure.significant($1, 3) },
    Self(
      title: "Same top-1", lowerIsBetter: false, value: { $0.divergence?.top1Agreement.value },
      interval: { $0.divergence?.top1Agreement.interval }
    ) { Figure.percent($1, 2) },
    Self(title: "Bits/weight", lowerIsBetter: true, value: { $0.size?.bitsPerWeight }) { Figure.fixed($1, 2) },
    Self(title: "Size", lowerIsBetter: true, value: { $0.size.map { Double($0.folderBytes) } }) {
      Figure.bytes($0.size?.folderBytes ?? Int($1))
    },
    Self(title: "Tokens/s", lowerIsBetter: false, value: { $0.decodeTokensPerSecond }) { Figure.significant($1, 3) },
  ]
}

import WalshEvaluation

extension Comparison {
  /// The loss and the divergence of every candidate; nothing without candidates.
  var plots: [any Plot] {
    guard let base = rows.first, rows.count > 1 else { return [] }
    let candidates = rows.dropFirst().compactMap { row in row.divergence.map { (row, $0) } }
    let losses = candidates.map { row, divergence in
      // The paired interval: what differs between texts but not between models is not in it.
      BarChart.Bar(
        row.name, row.loss.loss,
        interval: divergence.lossDifference.interval.map {
          ConfidenceInterval(low: base.loss.loss + $0.low, high: base.loss.loss + $0.high)
        })
    }
    let divergences = candidates.map { BarChart.Bar($0.name, $1.kl.value, interval: $1.kl.interval) }
    return [
      BarChart(
        title: "Loss above the base model", axis: "nats per token", bars: losses, base: base.loss.loss,
        baseName: base.name),
      BarChart(title: "Divergence from the base model", axis: "KL, nats per token", bars: divergences),
    ]
  }
}

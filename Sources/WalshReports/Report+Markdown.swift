import WalshEvaluation

extension Report {
  /// The report in GitHub's Markdown, without drawings.
  public var markdown: String {
    var parts = ["# \(title)", summary]
    if !facts.isEmpty { parts.append(facts.map { "- **\($0.name):** \($0.value)" }.joined(separator: "\n")) }
    if let comparison {
      parts += ["## Models", comparison.table.markdown, Report.explanation(of: comparison)]
    }
    for section in sections { parts += ["## \(section.heading)", section.table.markdown, section.note] }
    if !layers.isEmpty { parts += ["## Layers", layerTable.markdown] }
    if let command { parts += ["## Again", "```sh\n\(command)\n```"] }
    return parts.joined(separator: "\n\n") + "\n"
  }

  /// The error of each layer.
  var layerTable: Table {
    let hasOutputs = layers.contains { $0.outputError != nil }
    var columns = [Table.Column("Layer", .leading), Table.Column("Format", .leading), Table.Column("Weight error")]
    if hasOutputs { columns.append(Table.Column("Output error")) }
    return Table(
      columns: columns,
      rows: layers.map { layer in
        [Table.Cell(layer.path), Table.Cell(layer.format), Table.Cell(Figure.significant(layer.weightError, 3))]
          + (hasOutputs ? [Table.Cell(layer.outputError.map { Figure.significant($0, 3) } ?? "–")] : [])
      })
  }

  /// How to read a comparison.
  static func explanation(of comparison: Comparison) -> String {
    let tokens = comparison.rows.first?.loss.tokens ?? 0
    return "Protocol \(comparison.scoring), \(tokens) scored tokens. Loss and KL are in nats per token, KL is "
      + "KL(base ‖ model), and KL 99.9 % is what only one token in a thousand exceeds. Same top-1 is the share of tokens "
      + "where both models find the same next token most likely. ± is half of a 95 % interval, bootstrapped over windows; "
      + "Δ loss is paired token by token. Bits/weight counts codes and scales of the linear layers in the blocks."
  }
}

import WalshQuantization

extension ChannelStudy {
  /// A row for each treatment of each group: how the channels of activation and weights look, sorted by size, and what
  /// rounding costs.
  public var table: Table {
    let hasWeightErrors = groups.contains { $0.treatments.contains { $0.weightError != nil } }
    var columns = [Table.Column("group", .leading), Table.Column("transform", .leading)]
    for side in ["activation", "weights"] {
      columns += [
        Table.Column(side, .leading), Table.Column("peak"), Table.Column("variation"), Table.Column("kurtosis"),
      ]
    }
    if hasWeightErrors { columns.append(Table.Column("weight error")) }
    columns.append(Table.Column("output error"))
    var table = Table(columns: columns)
    for group in groups {
      let least = group.treatments.map(\.outputError).min()
      for (place, treatment) in group.treatments.enumerated() {
        var row = [Table.Cell(place == 0 ? group.group.id : ""), Table.Cell(treatment.name)]
        for profile in [treatment.activation, treatment.weights] {
          let sorted = profile.magnitudes.sorted(by: >)
          row += [
            Table.Cell(Sparkline.text(sorted, width: 12)), Table.Cell(Figure.significant(profile.peak, 3)),
            Table.Cell(Figure.fixed(profile.variation, 3)), Table.Cell(Figure.significant(profile.kurtosis, 3)),
          ]
        }
        if hasWeightErrors {
          row.append(Table.Cell(treatment.weightError.map { Figure.significant($0, 3) } ?? "–"))
        }
        let isBest = treatment.outputError == least && group.treatments.count > 1 && format != nil
        row.append(Table.Cell(Figure.significant(treatment.outputError, 3), isBest ? .best : .none))
        table.append(row)
      }
    }
    return table
  }

  /// How to read the table.
  public var note: String {
    "Bars: the channels' root mean squares, sorted. Peak: the largest over the median. Variation: their standard deviation "
      + "over their mean. Kurtosis: of all values, about zero; 3 for normal ones. "
      + (format.map {
        "Errors: relative mean squared, with weights and activations rounded to nearest in \($0), each group by itself."
      } ?? "Output error: relative mean squared, of rounding the activation as the model says, each group by itself.")
  }

  /// The sorted magnitudes of the channels of activations and weights, then errors and flatness by group.
  public var plots: [any Plot] {
    roles.flatMap { role in
      [
        profilePlot(role, "Activations of \(role)", \.activation),
        profilePlot(role, "Weights behind \(role)", \.weights),
      ] as [any Plot]
    } + [
      dots("Error of each group's output", axis: "relative squared error", \.outputError),
      dots("Variation of the activation's channels", axis: "standard deviation / mean", \.activation.variation),
      dots("Kurtosis of the activation", axis: "kurtosis, 3 for normal values", \.activation.kurtosis),
    ]
  }

  /// The most blocks that have a panel; of more, evenly spaced ones have.
  private static let panelLimit = 12

  private func profilePlot(_ role: String, _ title: String, _ profile: KeyPath<Treatment, ChannelProfile>)
    -> PanelChart
  {
    let all = groups(of: role)
    let count = min(Self.panelLimit, all.count)
    let shown = (0..<count).map { count == 1 ? 0 : $0 * (all.count - 1) / (count - 1) }
    return PanelChart(
      title: title, horizontal: "channels, sorted by size", vertical: "root mean square of a channel", series: names,
      panels: shown.map { index in
        PanelChart.Panel(
          "block \(index)", all[index].treatments.map { $0[keyPath: profile].magnitudes.sorted(by: >) })
      })
  }

  private func dots(_ title: String, axis: String, _ value: KeyPath<Treatment, Double>) -> DotChart {
    DotChart(
      title: title, axis: axis, series: names,
      groups: roles.map { role in
        GroupedRows.Group(
          role,
          groups(of: role).enumerated().map { index, group in
            GroupedRows.Row("block \(index)", group.treatments.map { $0[keyPath: value] })
          })
      })
  }
}

extension Report {
  /// What is told about the channels of the model called `name`, read on `text`.
  public init(_ study: ChannelStudy, model name: String, text: String, command: String? = nil) {
    var facts = [
      Fact("Model", name), Fact("Text", text), Fact("Windows", "\(study.windows), \(study.tokens) tokens"),
    ]
    if let format = study.format { facts.append(Fact("Rounded to", format.name)) }
    self.init(
      title: "Channels of \(name)",
      summary:
        "How large the channels of activations and weights are before and after transforms, and what rounding costs "
        + "then.",
      facts: facts, sections: [Section("Groups", study.table, note: study.note)], plots: study.plots, command: command
    )
  }
}

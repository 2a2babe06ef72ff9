import WalshQuantization

extension AutoEvidence {
  /// The whole plans, the best first.
  public var trialTable: Table {
    var table = Table(columns: [
      Table.Column("plan", .leading), Table.Column("KL"), Table.Column("bits/weight"), Table.Column("", .leading),
    ])
    for trial in trials.sorted(by: { $0.divergence < $1.divergence }) {
      table.append([
        Table.Cell(trial.name), Table.Cell(Figure.significant(trial.divergence, 3), trial.isChosen ? .best : .none),
        Table.Cell(Figure.fixed(trial.bits, 2)), Table.Cell(trial.isChosen ? "chosen" : ""),
      ])
    }
    return table
  }

  /// The transforms in the order in which they were measured.
  private var transforms: [String] {
    groups.flatMap(\.options).reduce(into: []) { if !$0.contains($1.transform) { $0.append($1.transform) } }
  }

  /// The least loss of `group` behind `transform`, in the weight format that was chosen, or else the first; NaN when it was
  /// not measured.
  private func loss(_ group: Group, _ transform: String) -> Double {
    let format = (group.chosen ?? group.options.first)?.weights
    return group.options.filter { $0.transform == transform && $0.weights == format }.map(\.loss).min() ?? .nan
  }

  /// A row for each group: the estimated loss behind each transform, and what was chosen.
  public var groupTable: Table {
    let transforms = transforms
    var table = Table(
      columns: [Table.Column("group", .leading)] + transforms.map { Table.Column($0) } + [
        Table.Column("chosen", .leading), Table.Column("weights", .leading), Table.Column("solver", .leading),
        Table.Column("bits"),
      ])
    for group in groups {
      let chosen = group.chosen
      table.append(
        [Table.Cell(group.id)]
          + transforms.map { transform in
            Table.Cell(
              Figure.significant(loss(group, transform), 3), transform == chosen?.transform ? .best : .none)
          } + [
            Table.Cell(chosen?.transform ?? "–"), Table.Cell(chosen?.weights ?? "–"),
            Table.Cell(chosen?.solver ?? "–"), Table.Cell(chosen.map { Figure.fixed($0.bits, 2) } ?? "–"),
          ])
    }
    return table
  }

  /// A row for each group and weight format: the least estimated loss; nil when only one format was measured.
  public var formatTable: Table? {
    let formats: [String] = groups.flatMap(\.options).reduce(into: []) {
      if !$0.contains($1.weights) { $0.append($1.weights) }
    }
    guard formats.count > 1 else { return nil }
    var table = Table(columns: [Table.Column("group", .leading)] + formats.map { Table.Column($0) })
    for group in groups {
      table.append(
        [Table.Cell(group.id)]
          + formats.map { format in
            let least = group.options.filter { $0.weights == format }.map(\.loss).min() ?? .nan
            return Table.Cell(Figure.significant(least, 3), format == group.chosen?.weights ? .best : .none)
          })
    }
    return table
  }

  /// The tables with what they show.
  public var sections: [Report.Section] {
    var sections = [
      Report.Section(
        "Plans tried", trialTable,
        note: "KL: the mean divergence from the base's predictions on text held aside from calibration, in nats. "
          + (budget.map { "At most \($0) bits a weight were allowed." } ?? "Weights have the preset's format.")),
      Report.Section(
        "Groups", groupTable,
        note:
          "The estimated divergence, in nats a token, when only this group is treated so, by the best solver: half the "
          + "mean square of the output's error projected on the gradient. A transform is taken when it is better than none "
          + "by more than two standard errors and a twentieth."),
    ]
    if let formatTable {
      sections.append(
        Report.Section("Formats", formatTable, note: "The least estimated divergence in each weight format."))
    }
    return sections
  }

  /// The plans, and the losses of groups behind each transform.
  public var plots: [any Plot] {
    [
      BarChart(
        title: "Divergence of the plans tried", axis: "KL, nats a token",
        bars: trials.sorted { $0.divergence < $1.divergence }.map { BarChart.Bar($0.name, $0.divergence) }),
      DotChart(
        title: "Estimated divergence of each group", axis: "nats a token", series: transforms,
        groups: [
          GroupedRows.Group(
            "Behind each transform",
            groups.map { group in
              GroupedRows.Row(group.id, transforms.map { loss(group, $0) })
            })
        ]),
    ]
  }
}

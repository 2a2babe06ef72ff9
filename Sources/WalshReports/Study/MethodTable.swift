import WalshCheckpoints
import WalshEvaluation
import WalshQuantization

/// Methods by models: what each costs in loss, for the formats that were asked for, over seeds.
///
/// Loss above the base is paired token by token; ± is the standard deviation over seeds.
public struct MethodTable: Sendable {
  /// The studies, one for each model.
  public let studies: [Study.Outcome]

  /// - Parameter studies: at least one.
  public init(_ studies: [Study.Outcome]) {
    precondition(!studies.isEmpty, "A table of methods needs a study.")
    self.studies = studies
  }

  /// The presets in the order in which they were asked for.
  public var presets: [String] { unique(requests.map(\.preset.name)) }

  /// Rows are methods, columns models; a cell is the loss above the base, its best of each model bold. A method that gave no
  /// model has "–".
  public func losses(for preset: String) -> Table {
    let methods = methods(for: preset)
    let values = studies.map { study in methods.map { differences(entries(preset, $0, study)) } }
    var table = Table(
      columns: [Table.Column("Method", .leading)]
        + studies.map { Table.Column("\($0.base) (\(Figure.fixed($0.baseRow.loss.loss, 4)))") })
    for (row, method) in methods.enumerated() {
      table.append(
        [Table.Cell(method)]
          + values.map { column in
            guard let mean = column[row].mean else { return Table.Cell("–", .muted) }
            let isBest = methods.count > 1 && mean == column.compactMap(\.mean).min()
            return Table.Cell(Figure.signed(mean, 4), detail: column[row].spread(4), isBest ? .best : .none)
          })
    }
    return table
  }

  /// One model's methods in every figure: loss above the base, divergence, agreement, bits, the share of online transforms
  /// in the operations of a token, seconds to quantize.
  public func figures(of study: Study.Outcome, for preset: String) -> Table {
    var table = Table(columns: [
      Table.Column("Method", .leading), Table.Column("Seeds"), Table.Column("Δ loss"), Table.Column("KL"),
      Table.Column("Same top-1"), Table.Column("Bits/weight"), Table.Column("Online"), Table.Column("Seconds"),
    ])
    for method in methods(for: preset) {
      let entries = entries(preset, method, study)
      guard !entries.isEmpty else { continue }
      func cell(_ value: (Study.Entry) -> Double?, _ text: (Double) -> String) -> Table.Cell {
        entries.compactMap(value).mean.map { Table.Cell(text($0)) } ?? Table.Cell("–", .muted)
      }
      let differences = differences(entries)
      table.append([
        Table.Cell(method), Table.Cell("\(entries.count)"),
        Table.Cell(differences.mean.map { Figure.signed($0, 4) } ?? "–", detail: differences.spread(4)),
        cell({ $0.row.divergence?.kl.value }) { Figure.significant($0, 3) },
        cell({ $0.row.divergence?.top1Agreement.value }) { Figure.percent($0, 1) },
        cell({ $0.row.size?.bitsPerWeight }) { Figure.fixed($0, 2) },
        cell({ $0.onlineCost.share }) { $0 == 0 ? "–" : Figure.percent($0, 1) },
        cell({ $0.seconds }) { Figure.significant($0, 3) },
      ])
    }
    return table
  }

  /// Loss above the base of every method and model, a group of rows for each preset; values of at most zero have no place on
  /// a logarithmic axis.
  public var plot: DotChart {
    let methods = unique(requests.map(\.methodLabel))
    return DotChart(
      title: "Loss above the base", axis: "nats per token", series: methods,
      groups: presets.map { preset in
        GroupedRows.Group(
          preset,
          studies.map { study in
            GroupedRows.Row(study.base, methods.map { differences(entries(preset, $0, study)).mean ?? .nan })
          })
      })
  }

  /// `[{"model", "loss", "protocol", "entries": [{"preset", "method", "seed", "seconds", "onlineShare", …}], "failures"}]`; an
  /// entry has the figures of its comparison, too.
  public var json: JSON {
    .array(
      studies.map { study in
        [
          "model": .string(study.base), "loss": JSON(finite: study.baseRow.loss.loss),
          "protocol": .string(study.scoring.description),
          "entries": .array(
            study.entries.map { entry in
              var members = JSONObject()
              members["preset"] = .string(entry.request.preset.name)
              members["method"] = .string(entry.request.methodLabel)
              members["seed"] = .number(JSONNumber(Double(entry.request.seed)))
              members["seconds"] = JSON(finite: entry.seconds)
              members["onlineShare"] = JSON(finite: entry.onlineCost.share)
              for (key, value) in entry.row.json.objectValue ?? [:] { members[key] = value }
              return .object(members)
            }),
          "failures": .array(
            study.failures.map { ["request": .string($0.request.summary), "reason": .string($0.sentence)] }),
        ]
      })
  }

  // MARK: Grouping

  private var requests: [QuantizationRequest] {
    studies.flatMap { $0.entries.map(\.request) + $0.failures.map(\.request) }
  }

  private func methods(for preset: String) -> [String] {
    unique(requests.filter { $0.preset.name == preset }.map(\.methodLabel))
  }

  private func entries(_ preset: String, _ method: String, _ study: Study.Outcome) -> [Study.Entry] {
    study.entries.filter { $0.request.preset.name == preset && $0.request.methodLabel == method }
  }

  private func differences(_ entries: [Study.Entry]) -> [Double] {
    entries.compactMap { $0.row.divergence?.lossDifference.value }
  }
}

extension Report {
  /// What is told about methods on several models.
  public init(_ table: MethodTable, facts: [Fact] = [], command: String? = nil) {
    let failures = table.studies.flatMap { study in study.failures.map { (study.base, $0) } }
    var sections = table.presets.map { preset in
      Section(
        "\(preset): loss above the base", table.losses(for: preset),
        note: "Nats per token, paired token by token with the base, whose own loss stands in the heading; ± is the "
          + "standard deviation over seeds.")
    }
    for study in table.studies {
      for preset in table.presets {
        sections.append(
          Section(
            "\(study.base), \(preset)", table.figures(of: study, for: preset),
            note:
              "KL is KL(base ‖ model) in nats per token. Online is what transforms at run time add to the operations "
              + "of the linear layers."))
      }
    }
    if !failures.isEmpty {
      sections.append(
        Section(
          "Without a result",
          Table(
            columns: [
              Table.Column("Model", .leading), Table.Column("Request", .leading), Table.Column("Reason", .leading),
            ],
            rows: failures.map { [Table.Cell($0), Table.Cell($1.request.label), Table.Cell($1.sentence)] }),
          note: "A request that is refused, or fails, keeps no other from its turn."))
    }
    self.init(
      title: "Methods side by side", summary: "Every method on every model, calibrated and scored on the same text.",
      facts: facts, sections: sections, plots: [table.plot], command: command)
  }
}

private func unique(_ names: [String]) -> [String] {
  var seen: Set<String> = []
  return names.filter { seen.insert($0).inserted }
}

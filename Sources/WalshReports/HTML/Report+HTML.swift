import Mustache
import WalshEvaluation

extension Report {
  /// The report as one page that needs nothing else: no script, no font, no image from elsewhere; light or dark after the
  /// reader's preference, and fit for printing.
  public var html: String {
    Self.template.render(context)
  }

  private static let template: MustacheTemplate = {
    do {
      return try MustacheTemplate(string: ReportTemplate.html)
    } catch {
      preconditionFailure("The report's own template does not parse: \(error)")
    }
  }()

  private var context: [String: Any] {
    var context: [String: Any] = [
      "title": title, "summary": summary, "style": ReportTemplate.css + PlotStyle.css,
      "facts": facts.map { ["name": $0.name, "value": $0.value] },
      "highlights": highlights.map { ["value": $0.value, "name": $0.name] },
      "sections": sections.map { section in
        ["heading": section.heading, "table": tableContext(section.table), "note": section.note] as [String: Any]
      },
      "figures": figures.map { ["svg": $0.svg.inline] },
    ]
    context["hasHighlights"] = !highlights.isEmpty
    context["hasFacts"] = !facts.isEmpty
    if let comparison {
      context["comparison"] = [
        "table": tableContext(comparison.table), "explanation": Self.explanation(of: comparison),
      ]
    }
    if !layers.isEmpty {
      context["layers"] = ["count": layers.count, "table": tableContext(layerTable)] as [String: Any]
    }
    if let command { context["command"] = command }
    return context
  }

  private func tableContext(_ table: Table) -> [String: Any] {
    func style(_ column: Table.Column) -> String { column.alignment == .leading ? "leading" : "trailing" }
    return [
      "headings": table.columns.map { ["text": $0.title, "class": style($0)] },
      "rows": table.rows.map { row in
        [
          "cells": zip(row, table.columns).map { cell, column in
            let emphasis =
              switch cell.emphasis {
              case .none: ""
              case .best: " best"
              case .muted: " muted"
              }
            return ["text": cell.text, "detail": cell.detail, "class": style(column) + emphasis]
          }
        ]
      },
    ]
  }

  /// The figures a reader looks for first, of the candidate nearest to the base.
  private var highlights: [Fact] {
    guard let comparison, let base = comparison.rows.first,
      let best = comparison.rows.dropFirst().min(by: { divergence($0) < divergence($1) }),
      let divergence = best.divergence
    else { return [] }
    var facts = [
      Fact(
        "perplexity of \(best.name), \(Figure.significant(base.loss.perplexity, 4)) before",
        Figure.significant(best.loss.perplexity, 4)),
      Fact("of tokens keep the same likeliest successor", Figure.percent(divergence.top1Agreement.value, 1)),
    ]
    if let size = best.size { facts.append(Fact("bits per linear weight", Figure.fixed(size.bitsPerWeight, 2))) }
    if let size = best.size, let before = base.size {
      let ratio = Double(before.folderBytes) / Double(size.folderBytes)
      facts.append(
        Fact(
          "\(ratio >= 1 ? "smaller" : "larger"), \(Figure.bytes(before.folderBytes)) to \(Figure.bytes(size.folderBytes))",
          Figure.significant(max(ratio, 1 / ratio), 3) + "×"))
    }
    return facts
  }

  private func divergence(_ row: ComparisonRow) -> Double { row.divergence?.kl.value ?? .infinity }
}

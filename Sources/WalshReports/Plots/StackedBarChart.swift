/// Bars of equal length cut into parts: how often each of a few things is the case, for rows in groups.
public struct StackedBarChart: Plot {
  public let title: String
  /// Whose shares these are.
  public let axis: String
  /// The names of the parts from the left; the last is what remains, and grey.
  public let parts: [String]
  /// The bars; a value is the share of a part, from 0 to 1.
  public let groups: [GroupedRows.Group]

  /// - Precondition: every row has a share for each part.
  public init(title: String, axis: String, parts: [String], groups: [GroupedRows.Group]) {
    precondition(
      groups.flatMap(\.rows).allSatisfy { $0.values.count == parts.count }, "Every bar has \(parts.count) shares.")
    self.title = title
    self.axis = axis
    self.parts = parts
    self.groups = groups
  }

  public var svg: SVG {
    let figures = groups.map { $0.rows.map { $0.values.map { Figure.fixed(100 * $0, 0) }.joined(separator: " · ") } }
    let rows = GroupedRows(groups, rowHeight: 24, legend: parts, figures: figures.joined().map(\.self))
    var drawing = SVG(heading: title, summary: summary, height: rows.bottom + 48)
    drawing.legend(parts, x: 0, y: PlotLayout.headingHeight, width: PlotLayout.width) { drawing, part, x, y in
      drawing.rect(x: x + 2, y: y - 6, width: 14, height: 12, style(part))
    }
    let scale = Axis([0, 100], spacing: .linear, start: rows.left, end: rows.right)
    drawing.horizontalAxis(scale, y: rows.bottom, title: axis)
    rows.drawNames(in: &drawing)
    for (index, group) in groups.enumerated() {
      for (row, bar) in group.rows.enumerated() {
        let middle = rows.middle(group: index, row: row)
        var start = 0.0
        for (part, share) in bar.values.enumerated() where share > 0 {
          let (x, end) = (scale.position(100 * start), scale.position(100 * (start + share)))
          drawing.rect(
            x: x, y: middle - 8, width: max(1, end - x - 1), height: 16, style(part),
            tooltip: "\(group.heading), \(bar.name): \(parts[part]) \(Figure.percent(share, 0))")
          start += share
        }
        drawing.text(figures[index][row], x: PlotLayout.width, y: middle + 4.5, .end, "muted")
      }
    }
    return drawing
  }

  private func style(_ part: Int) -> String {
    "bar \(PlotStyle.series(part == parts.count - 1 ? PlotStyle.colours - 1 : part))"
  }

  private var summary: String {
    let list = groups.map { group in
      let bars = group.rows.map { bar in
        let shares = zip(parts, bar.values).map { "\($0) \(Figure.percent($1, 0))" }.joined(separator: ", ")
        return "\(bar.name) \(shares)"
      }
      return "\(group.heading): \(bars.joined(separator: "; "))"
    }
    return "Stacked bars of \(axis). \(list.joined(separator: ". "))."
  }
}

/// A row of dots for each thing, one dot for each way to do it: which way is best where.
public struct DotChart: Plot {
  public let title: String
  /// What the values are, with their unit; they are spaced by their logarithm, and those that have none left out.
  public let axis: String
  /// The names of the series.
  public let series: [String]
  /// The rows, a value for each series; NaN leaves its dot out.
  public let groups: [GroupedRows.Group]

  /// - Precondition: every row has a value for each series.
  public init(title: String, axis: String, series: [String], groups: [GroupedRows.Group]) {
    precondition(
      groups.flatMap(\.rows).allSatisfy { $0.values.count == series.count }, "Every row has \(series.count) values.")
    self.title = title
    self.axis = axis
    self.series = series
    self.groups = groups
  }

  public var svg: SVG {
    let rows = GroupedRows(groups, rowHeight: 24, legend: series, figures: [""])
    var drawing = SVG(heading: title, summary: summary, height: rows.bottom + 48)
    drawing.legend(series, x: 0, y: PlotLayout.headingHeight, width: PlotLayout.width) { drawing, index, x, y in
      drawing.marker(index, x + 9, y, radius: 5, "dot \(PlotStyle.series(index))")
    }
    let scale = Axis(
      groups.flatMap(\.rows).flatMap(\.values), spacing: .logarithmic, start: rows.left, end: rows.right)
    drawing.horizontalAxis(scale, y: rows.bottom, gridTop: rows.top, title: axis)
    rows.drawNames(in: &drawing)
    for (index, group) in groups.enumerated() {
      for (place, row) in group.rows.enumerated() {
        let middle = rows.middle(group: index, row: place)
        let shown = row.values.enumerated().filter { $1.isFinite && $1 > 0 }
        let ends = shown.map { scale.position($0.element) }
        drawing.line(ends.min() ?? rows.left, middle, ends.max() ?? rows.left, middle, "axis")
        for (number, value) in shown {
          drawing.marker(
            number, scale.position(value), middle, radius: 5, "dot \(PlotStyle.series(number))",
            tooltip: "\(group.heading), \(row.name), \(series[number]): \(Figure.significant(value, 3))")
        }
      }
    }
    return drawing
  }

  private var summary: String {
    let list = groups.map { group in
      let best = group.rows.compactMap { row in
        zip(series, row.values).filter { $0.1.isFinite }.min { $0.1 < $1.1 }.map {
          "\(row.name) \($0.0) \(Figure.significant($0.1, 3))"
        }
      }
      return "\(group.heading): \(best.joined(separator: ", "))"
    }
    return "Dots of \(axis), the smallest of each row. \(list.joined(separator: ". "))."
  }
}

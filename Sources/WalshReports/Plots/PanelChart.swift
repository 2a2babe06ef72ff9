import Foundation

/// Small charts of one kind side by side, all with the same axes: the sorted magnitudes of channels in every block.
public struct PanelChart: Plot {
  /// One small chart: a line for each series.
  public struct Panel: Sendable, Hashable {
    /// The heading.
    public let name: String
    /// The values of each series, from left to right over the whole width.
    public let lines: [[Double]]

    public init(_ name: String, _ lines: [[Double]]) {
      self.name = name
      self.lines = lines
    }
  }

  public let title: String
  /// What runs along the horizontal axes, from 0 to 100 %.
  public let horizontal: String
  /// What runs along the vertical axes, spaced by its logarithm; values that are not positive are left out.
  public let vertical: String
  /// The names of the series.
  public let series: [String]
  public let panels: [Panel]

  /// - Precondition: every panel has a line for each series.
  public init(title: String, horizontal: String, vertical: String, series: [String], panels: [Panel]) {
    precondition(panels.allSatisfy { $0.lines.count == series.count }, "Every panel has \(series.count) lines.")
    self.title = title
    self.horizontal = horizontal
    self.vertical = vertical
    self.series = series
    self.panels = panels
  }

  /// The most points that a line is drawn with; more would be too close to tell apart.
  private static let pointLimit = 96

  public var svg: SVG {
    // Three in a row where four would leave most of the last row empty.
    let columns = panels.count > 4 && panels.count % 4 != 0 && panels.count % 4 < 3 ? 3 : min(4, max(1, panels.count))
    let rows = (panels.count + columns - 1) / columns
    let legendHeight = 20 * Double(SVG.legendRows(series, width: PlotLayout.width).count)
    let top = PlotLayout.headingHeight + legendHeight + 34
    let (panelHeight, gap, left) = (118.0, 22.0, 52.0)
    let panelWidth = (PlotLayout.width - left - gap * Double(columns - 1)) / Double(columns)
    let step = panelHeight + 34
    var drawing = SVG(heading: title, summary: summary, height: top + step * Double(max(1, rows)) + 4)
    drawing.legend(series, x: 0, y: PlotLayout.headingHeight, width: PlotLayout.width) { drawing, index, x, y in
      drawing.path([(x, y), (x + 18, y)], "curve \(PlotStyle.series(index))")
      drawing.marker(index, x + 9, y, radius: 4, "dot \(PlotStyle.series(index))")
    }
    drawing.text(vertical, x: 0, y: top - 22, .start, "muted")
    let values = panels.flatMap(\.lines).flatMap(\.self)
    for (index, panel) in panels.enumerated() {
      let x = left + Double(index % columns) * (panelWidth + gap)
      let bottom = top + Double(index / columns) * step + panelHeight
      let vertical = Axis(values, spacing: .logarithmic, start: bottom, end: bottom - panelHeight)
      // Whole decades alone where all ticks would touch each other.
      let ticks = vertical.ticks
      let decades = ticks.filter { abs(log10($0.value) - log10($0.value).rounded()) < 1e-6 }
      for tick in ticks.count > 7 && decades.count > 1 ? decades : ticks {
        let y = vertical.position(tick.value)
        drawing.line(x, y, x + panelWidth, y, "grid")
        if index % columns == 0 { drawing.text(tick.label, x: x - 8, y: y + 4.5, .end, "muted") }
      }
      drawing.line(x, bottom, x + panelWidth, bottom, "axis")
      drawing.text(panel.name, x: x + panelWidth - 4, y: bottom - panelHeight + 13, .end, "strong")
      for (place, line) in panel.lines.enumerated() {
        let points = Self.thinned(line).filter { $0.value.isFinite && $0.value > 0 }
        let path = points.map { (x + $0.share * panelWidth, vertical.position($0.value)) }
        drawing.path(path, "curve \(PlotStyle.series(place))")
        // A marker where the curve begins and one in its middle, for those who cannot tell colours apart.
        for point in [path.first, path.isEmpty ? nil : path[path.count / 2]].compactMap(\.self) {
          drawing.marker(place, point.0, point.1, radius: 3, "dot \(PlotStyle.series(place))")
        }
      }
    }
    drawing.text(horizontal, x: PlotLayout.width, y: drawing.height - 10, .end, "muted")
    return drawing
  }

  /// At most `pointLimit` of the values, the first and the last among them, with their places from 0 to 1. They lie closer
  /// at the beginning, where sorted values fall.
  private static func thinned(_ values: [Double]) -> [(share: Double, value: Double)] {
    guard values.count > 1 else { return values.map { (0, $0) } }
    let last = Double(values.count - 1)
    guard values.count > pointLimit else { return values.enumerated().map { (Double($0) / last, $1) } }
    var places: [Int] = []
    for step in 0..<pointLimit {
      let share = Double(step) / Double(pointLimit - 1)
      let place = Int((share * share * last).rounded())
      if place != places.last { places.append(place) }
    }
    return places.map { (Double($0) / last, values[$0]) }
  }

  private var summary: String {
    let list = series.enumerated().map { index, name in
      let ratios = panels.compactMap { panel -> Double? in
        let line = panel.lines[index].filter { $0 > 0 }
        guard let largest = line.max(), let smallest = line.min() else { return nil }
        return largest / smallest
      }
      return "\(name) spans a factor of up to \(Figure.significant(ratios.max() ?? 1, 3))"
    }
    return "\(panels.count) charts of \(vertical) by \(horizontal): \(list.joined(separator: ", "))."
  }
}

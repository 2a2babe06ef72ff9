/// Points joined by lines, one series for each name: errors by layer, speeds by size.
public struct SeriesChart: Plot {
  /// How values are spaced along an axis.
  public enum Spacing: Sendable {
    case linear
    /// By their logarithm; values that are not positive are left out.
    case logarithmic
    /// By their logarithm, with ticks at powers of two.
    case binary

    fileprivate var axis: Axis.Spacing {
      switch self {
      case .linear: .linear
      case .logarithmic: .logarithmic
      case .binary: .binary
      }
    }
  }

  /// One line.
  public struct Series: Sendable, Hashable {
    /// A point and what its tooltip calls it.
    public struct Point: Sendable, Hashable {
      public let x: Double
      public let y: Double
      public let name: String

      public init(x: Double, y: Double, name: String = "") {
        self.x = x
        self.y = y
        self.name = name
      }
    }

    public let name: String
    /// The points from left to right.
    public let points: [Point]

    public init(_ name: String, _ points: [Point]) {
      self.name = name
      self.points = points
    }
  }

  public let title: String
  /// What runs along the horizontal axis, with its unit.
  public let horizontal: String
  /// What runs along the vertical axis, with its unit.
  public let vertical: String
  public let series: [Series]
  public let horizontalSpacing: Spacing
  public let verticalSpacing: Spacing

  public init(
    title: String, horizontal: String, vertical: String, series: [Series], horizontalSpacing: Spacing = .linear,
    verticalSpacing: Spacing = .linear
  ) {
    self.title = title
    self.horizontal = horizontal
    self.vertical = vertical
    self.series = series
    self.horizontalSpacing = horizontalSpacing
    self.verticalSpacing = verticalSpacing
  }

  public var svg: SVG {
    let names = series.map(\.name)
    let legendHeight = series.count > 1 ? 20 * Double(SVG.legendRows(names, width: PlotLayout.width).count) : 0
    let top = PlotLayout.headingHeight + legendHeight + 34
    let bottom = top + 240
    let (left, right) = (64.0, PlotLayout.width - 12)
    var drawing = SVG(heading: title, summary: summary, height: bottom + 48)
    if series.count > 1 {
      drawing.legend(names, x: 0, y: PlotLayout.headingHeight, width: PlotLayout.width) { drawing, index, x, y in
        drawing.path([(x, y), (x + 18, y)], "curve \(PlotStyle.series(index))")
        drawing.marker(index, x + 9, y, radius: 4, "dot \(PlotStyle.series(index))")
      }
    }
    let points = series.flatMap(\.points)
    // Speeds and other linear figures are read against zero.
    let floor: [Double] = verticalSpacing == .linear ? [0] : []
    let x = Axis(points.map(\.x), spacing: horizontalSpacing.axis, start: left + 6, end: right)
    let y = Axis(points.map(\.y) + floor, spacing: verticalSpacing.axis, start: bottom, end: top)
    drawing.verticalAxis(y, left: left, right: right, title: vertical)
    drawing.horizontalAxis(x, y: bottom, title: horizontal)
    for (index, line) in series.enumerated() {
      let visible = line.points.filter { isVisible($0) }
      drawing.path(visible.map { (x.position($0.x), y.position($0.y)) }, "curve \(PlotStyle.series(index))")
      for point in visible {
        let label = [line.name, point.name].filter { !$0.isEmpty }.joined(separator: ", ")
        drawing.marker(
          index, x.position(point.x), y.position(point.y), radius: 4, "dot \(PlotStyle.series(index))",
          tooltip: "\(label): \(Figure.significant(point.y, 3))")
      }
    }
    return drawing
  }

  private func isVisible(_ point: Series.Point) -> Bool {
    point.x.isFinite && point.y.isFinite && (horizontalSpacing == .linear || point.x > 0)
      && (verticalSpacing == .linear || point.y > 0)
  }

  private var summary: String {
    let ranges = series.compactMap { line -> String? in
      let values = line.points.filter(isVisible).map(\.y)
      guard let low = values.min(), let high = values.max() else { return nil }
      return "\(line.name) from \(Figure.significant(low, 3)) to \(Figure.significant(high, 3))"
    }
    return "\(vertical) by \(horizontal): \(ranges.joined(separator: "; "))."
  }
}

/// The frame of drawings whose rows stand in groups under headings: names at the left, figures at the right, an axis below.
public struct GroupedRows {
  /// A name and what is drawn beside it.
  public struct Row: Sendable, Hashable {
    /// The name.
    public let name: String
    /// A value for each part or series of the drawing.
    public let values: [Double]

    /// A row of `values` called `name`.
    public init(_ name: String, _ values: [Double]) {
      self.name = name
      self.values = values
    }
  }

  /// Rows under a heading.
  public struct Group: Sendable, Hashable {
    /// The heading.
    public let heading: String
    /// The rows, from above.
    public let rows: [Row]

    /// `rows` under `heading`.
    public init(_ heading: String, _ rows: [Row]) {
      self.heading = heading
      self.rows = rows
    }
  }

  let groups: [Group]
  /// From one row to the next.
  let rowHeight: Double
  /// Where the first heading begins.
  let top: Double
  /// Where values begin and end.
  let left: Double
  let right: Double

  private static let headingHeight = 28.0

  /// - Parameters:
  ///   - legend: the names in the legend, which stands above the rows.
  ///   - figures: what will be written at the right end of rows.
  init(_ groups: [Group], rowHeight: Double, legend: [String], figures: [String]) {
    self.groups = groups
    self.rowHeight = rowHeight
    top = PlotLayout.headingHeight + 20 * Double(SVG.legendRows(legend, width: PlotLayout.width).count) + 8
    left = 16 + (groups.flatMap(\.rows).map { SVG.width(of: $0.name) }.max() ?? 0)
    right = PlotLayout.width - 16 - (figures.map { SVG.width(of: $0) }.max() ?? 0)
  }

  /// Where rows end and the axis stands.
  var bottom: Double { end(of: groups.count - 1) + 4 }

  /// The middle of a row.
  func middle(group: Int, row: Int) -> Double {
    end(of: group - 1) + Self.headingHeight + rowHeight * (Double(row) + 0.5)
  }

  private func end(of group: Int) -> Double {
    groups.prefix(group + 1).reduce(top) { $0 + Self.headingHeight + rowHeight * Double($1.rows.count) }
  }

  /// Draws headings and names.
  func drawNames(in drawing: inout SVG) {
    for (index, group) in groups.enumerated() {
      drawing.text(group.heading, x: 0, y: end(of: index - 1) + 20, .start, "strong")
      for (place, row) in group.rows.enumerated() {
        drawing.text(row.name, x: left - 12, y: middle(group: index, row: place) + 4.5, .end)
      }
    }
  }
}

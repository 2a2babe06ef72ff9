/// Something that can be drawn.
public protocol Plot: Sendable {
  /// The heading.
  var title: String { get }
  /// The drawing.
  var svg: SVG { get }
}

/// The widths that all drawings share, in user units.
enum PlotLayout {
  static let width = 860.0
  /// From the top of a drawing to where its frame may begin: the heading.
  static let headingHeight = 34.0
}

extension SVG {
  /// A drawing with its heading.
  init(heading: String, summary: String, height: Double) {
    self.init(title: heading, summary: summary, width: PlotLayout.width, height: height)
    text(heading, x: 0, y: 18, .start, "heading")
  }

  /// The rows that a legend of `names` takes: at least one.
  static func legendRows(_ names: [String], width: Double) -> [[Int]] {
    var rows: [[Int]] = [[]]
    var used = 0.0
    for (index, name) in names.enumerated() {
      let needed = 40 + SVG.width(of: name)
      if used + needed > width, !rows[rows.count - 1].isEmpty {
        rows.append([])
        used = 0
      }
      rows[rows.count - 1].append(index)
      used += needed
    }
    return rows
  }

  /// Draws a legend of `names` below `y`, with `swatch` for each.
  mutating func legend(
    _ names: [String], x: Double, y: Double, width: Double, swatch: (inout SVG, Int, Double, Double) -> Void
  ) {
    for (row, indices) in SVG.legendRows(names, width: width).enumerated() {
      var left = x
      let middle = y + 20 * Double(row) + 8
      for index in indices {
        swatch(&self, index, left, middle)
        text(names[index], x: left + 24, y: middle + 4.5)
        left += 40 + SVG.width(of: names[index])
      }
    }
  }

  /// Draws horizontal lines at the ticks of a vertical axis, with their labels, and the axis' title above it.
  mutating func verticalAxis(_ axis: Axis, left: Double, right: Double, title: String) {
    for tick in axis.ticks {
      let y = axis.position(tick.value)
      line(left, y, right, y, "grid")
      text(tick.label, x: left - 8, y: y + 4.5, .end, "muted")
    }
    text(title, x: left, y: min(axis.start, axis.end) - 12, .start, "muted")
  }

  /// Draws ticks and labels of a horizontal axis below `y`, and the axis' title below those.
  mutating func horizontalAxis(_ axis: Axis, y: Double, gridTop: Double? = nil, title: String) {
    for tick in axis.ticks {
      let x = axis.position(tick.value)
      if let gridTop { line(x, gridTop, x, y, "grid") }
      line(x, y, x, y + 4, "axis")
      text(tick.label, x: x, y: y + 19, .middle, "muted")
    }
    line(axis.start, y, axis.end, y, "axis")
    text(title, x: axis.end, y: y + 38, .end, "muted")
  }
}

import WalshEvaluation

/// Horizontal bars that grow from a base line: a bar's length is how far its value lies from the base.
public struct BarChart: Plot {
  /// One bar.
  public struct Bar: Sendable, Hashable {
    public let name: String
    public let value: Double
    /// The 95 % interval, drawn as a whisker; nil for none.
    public let interval: ConfidenceInterval?

    public init(_ name: String, _ value: Double, interval: ConfidenceInterval? = nil) {
      self.name = name
      self.value = value
      self.interval = interval
    }
  }

  public let title: String
  /// What the values are, with their unit.
  public let axis: String
  /// The bars from the top.
  public let bars: [Bar]
  /// Where bars begin; 0 unless values are compared with a reference.
  public let base: Double
  /// What the base line is called; nil leaves it unnamed.
  public let baseName: String?

  public init(title: String, axis: String, bars: [Bar], base: Double = 0, baseName: String? = nil) {
    self.title = title
    self.axis = axis
    self.bars = bars
    self.base = base
    self.baseName = baseName
  }

  private var digits: Int { bars.allSatisfy { abs($0.value) >= 100 } ? 1 : 4 }

  public var svg: SVG {
    let rowHeight = 34.0
    let top = PlotLayout.headingHeight + (baseName == nil ? 8 : 30)
    let bottom = top + rowHeight * Double(bars.count)
    let figures = bars.map { Figure.fixed($0.value, digits) }
    let left = 16 + (bars.map { SVG.width(of: shortened($0.name)) }.max() ?? 0)
    let right = PlotLayout.width - 16 - (figures.map { SVG.width(of: $0) }.max() ?? 0)
    var drawing = SVG(heading: title, summary: summary(figures), height: bottom + 48)

    let ends = bars.flatMap { [$0.value, $0.interval?.low ?? $0.value, $0.interval?.high ?? $0.value] }
    let scale = Axis(ends + [base], spacing: .linear, start: left, end: right)
    drawing.horizontalAxis(scale, y: bottom, gridTop: top, title: axis)
    let zero = scale.position(base)
    for (index, bar) in bars.enumerated() {
      let middle = top + rowHeight * (Double(index) + 0.5)
      drawing.text(shortened(bar.name), x: left - 12, y: middle + 4.5, .end)
      guard bar.value.isFinite else { continue }
      let x = scale.position(bar.value)
      drawing.rect(
        x: min(zero, x), y: middle - 10, width: max(1.5, abs(x - zero)), height: 20, "bar \(PlotStyle.series(0))",
        tooltip: "\(bar.name): \(figures[index])")
      if let interval = bar.interval {
        let (low, high) = (scale.position(interval.low), scale.position(interval.high))
        drawing.line(low, middle, high, middle, "whisker")
        for end in [low, high] { drawing.line(end, middle - 4, end, middle + 4, "whisker") }
      }
    }
    drawing.line(zero, top - 6, zero, bottom, "base")
    if let baseName {
      let label = "\(baseName) \(Figure.fixed(base, digits))"
      let half = SVG.width(of: label) / 2
      drawing.text(label, x: min(max(zero, left + half), right - half), y: top - 14, .middle, "strong")
    }
    for (index, figure) in figures.enumerated() {
      drawing.text(figure, x: PlotLayout.width, y: top + rowHeight * (Double(index) + 0.5) + 4.5, .end, "strong")
    }
    return drawing
  }

  /// `name`, cut so that room for bars remains.
  private func shortened(_ name: String) -> String { name.count > 36 ? name.prefix(35) + "…" : name }

  private func summary(_ figures: [String]) -> String {
    let list = zip(bars, figures).map { "\($0.name) \($1)" }.joined(separator: ", ")
    return "Bar chart of \(axis): \(list)"
      + (baseName.map { "; base line \($0) \(Figure.fixed(base, digits))." } ?? ".")
  }
}

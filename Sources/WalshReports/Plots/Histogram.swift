import Foundation

/// How often values of one or more samples fall into equal bins, each sample as a share of its own size.
public struct Histogram: Plot {
  /// One sample.
  public struct Sample: Sendable, Hashable {
    public let name: String
    public let values: [Double]

    public init(_ name: String, _ values: [Double]) {
      self.name = name
      self.values = values
    }
  }

  public let title: String
  /// What the values are, with their unit.
  public let axis: String
  public let samples: [Sample]
  /// The number of bins between the smallest and the largest value.
  public let bins: Int

  public init(title: String, axis: String, samples: [Sample], bins: Int = 60) {
    precondition(bins > 0, "A histogram has at least one bin.")
    self.title = title
    self.axis = axis
    self.samples = samples
    self.bins = bins
  }

  /// The share of a sample's finite values in each of `bins` equal parts of `range`; the last part has both its ends.
  func shares(of values: [Double], in range: ClosedRange<Double>) -> [Double] {
    var counts = [Double](repeating: 0, count: bins)
    let finite = values.filter(\.isFinite)
    let width = (range.upperBound - range.lowerBound) / Double(bins)
    for value in finite where range.contains(value) {
      counts[width > 0 ? min(bins - 1, Int((value - range.lowerBound) / width)) : 0] += 1 / Double(finite.count)
    }
    return counts
  }

  public var svg: SVG {
    let names = samples.map(\.name)
    let legendHeight = samples.count > 1 ? 20 * Double(SVG.legendRows(names, width: PlotLayout.width).count) : 0
    let top = PlotLayout.headingHeight + legendHeight + 34
    let bottom = top + 220
    let (left, right) = (64.0, PlotLayout.width - 12)
    let values = samples.flatMap(\.values).filter(\.isFinite)
    let range = (values.min() ?? 0)...(values.max() ?? 1)
    let shares = samples.map { self.shares(of: $0.values, in: range) }
    var drawing = SVG(
      heading: title, summary: "Histogram of \(axis): \(names.joined(separator: ", ")).", height: bottom + 48)
    if samples.count > 1 {
      drawing.legend(names, x: 0, y: PlotLayout.headingHeight, width: PlotLayout.width) { drawing, index, x, y in
        drawing.rect(x: x + 2, y: y - 6, width: 14, height: 12, "bar \(PlotStyle.series(index))")
      }
    }
    let x = Axis([range.lowerBound, range.upperBound], spacing: .linear, start: left, end: right)
    let y = Axis(shares.joined().map { 100 * $0 } + [0], spacing: .linear, start: bottom, end: top)
    drawing.verticalAxis(y, left: left, right: right, title: "values in a bin, %")
    let width = (range.upperBound - range.lowerBound) / Double(bins)
    for (index, sample) in shares.enumerated() {
      var outline: [(Double, Double)] = []
      for (bin, share) in sample.enumerated() {
        let start = range.lowerBound + width * Double(bin)
        outline.append((x.position(start), y.position(100 * share)))
        outline.append((x.position(start + width), y.position(100 * share)))
      }
      drawing.path(
        [(outline[0].0, bottom)] + outline + [(outline[outline.count - 1].0, bottom)],
        "area \(PlotStyle.series(index))")
      drawing.path(outline, "curve \(PlotStyle.series(index))")
    }
    drawing.horizontalAxis(x, y: bottom, title: axis)
    return drawing
  }
}

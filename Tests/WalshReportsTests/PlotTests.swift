import Testing
import WalshEvaluation

@testable import WalshReports

@Suite("Drawings")
struct PlotTests {
  @Test("A linear axis rounds its ends out to ticks and places values in proportion")
  func linearAxis() {
    let axis = Axis([0.13, 0.87], spacing: .linear, start: 100, end: 0)
    #expect(axis.bounds == 0...1)
    #expect(axis.ticks.map(\.label) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(axis.position(0.25) == 75)
    #expect(axis.position(7) == 0)
    // 0 to 0.035 in steps of 0.005, though 0.035 / 0.005 is not exactly 7.
    let fine = Axis([0, 0.0331], spacing: .linear, start: 0, end: 1)
    #expect(fine.ticks.map(\.label) == ["0.000", "0.005", "0.010", "0.015", "0.020", "0.025", "0.030", "0.035"])
  }

  @Test("A logarithmic axis has 1, 2 and 5, or whole decades over long ranges, and ignores what has no logarithm")
  func logarithmicAxis() {
    let short = Axis([0.003, 0.04, 0, -1, .nan], spacing: .logarithmic, start: 0, end: 100)
    #expect(short.ticks.map(\.label) == ["0.002", "0.005", "0.01", "0.02", "0.05"])
    let long = Axis([2e-7, 3], spacing: .logarithmic, start: 0, end: 80)
    #expect(long.ticks.map(\.label) == ["10⁻⁷", "10⁻⁶", "10⁻⁵", "0.0001", "0.001", "0.01", "0.1", "1", "10"])
    #expect(abs(long.position(1e-3) - 40) < 1e-9)
  }

  @Test("A binary axis has powers of two")
  func binaryAxis() {
    let axis = Axis([128, 1_048_576], spacing: .binary, start: 0, end: 1)
    #expect(axis.ticks.first?.label == "128")
    #expect(axis.ticks.map(\.label).contains("2 Ki"))
    #expect(axis.ticks.count <= 8)
  }

  @Test("A single value, no value, and equal values have an axis", arguments: [[], [3.0], [2, 2], [0], [-1]])
  func degenerateAxis(values: [Double]) {
    for spacing in [Axis.Spacing.linear, .logarithmic, .binary] {
      let axis = Axis(values, spacing: spacing, start: 0, end: 100)
      #expect(axis.ticks.count > 1)
      for value in values { #expect((0...100).contains(axis.position(value))) }
    }
  }

  @Test("Bars begin at the base line, whiskers end at the interval, names are in the drawing")
  func bars() {
    let chart = BarChart(
      title: "T", axis: "nats",
      bars: [
        BarChart.Bar("above", 2, interval: ConfidenceInterval(low: 1.5, high: 2.5)), BarChart.Bar("below & <b>", 0.5),
        BarChart.Bar("broken", .nan),
      ], base: 1, baseName: "base")
    let svg = chart.svg.standalone
    #expect(parseError(svg) == nil)
    #expect(svg.contains("below &amp; &lt;b&gt;"))
    #expect(svg.contains("<title>T</title>") && svg.contains("<desc>"))
    #expect(svg.components(separatedBy: "class=\"bar s0\"").count == 3)
    #expect(svg.components(separatedBy: "class=\"whisker\"").count == 4)
  }

  @Test("Every drawing of a report is well-formed, alone and inline, and says what it shows")
  func wellFormed() {
    let figures = Sample.report.figures
    #expect(figures.count == 4)
    for figure in figures {
      #expect(parseError(figure.svg.standalone) == nil)
      #expect(parseError(figure.svg.inline) == nil)
      #expect(!figure.svg.inline.contains("<style>"))
      #expect(figure.svg.summary.count > 20)
      #expect(!figure.svg.standalone.contains("nan") && !figure.svg.standalone.contains("inf"))
    }
  }

  @Test("A chart leaves out points that its axis cannot show")
  func invisiblePoints() {
    typealias Point = SeriesChart.Series.Point
    let chart = SeriesChart(
      title: "T", horizontal: "x", vertical: "y",
      series: [
        SeriesChart.Series("a", [Point(x: 1, y: 1), Point(x: 2, y: 0), Point(x: 3, y: .nan), Point(x: 4, y: 2)])
      ],
      verticalSpacing: .logarithmic)
    let svg = chart.svg.inline
    #expect(svg.components(separatedBy: "<circle").count == 3)
    #expect(parseError(svg) == nil)
  }

  @Test("A histogram's shares add up to one and count both ends")
  func histogram() {
    let histogram = Histogram(title: "T", axis: "x", samples: [], bins: 4)
    let shares = histogram.shares(of: [0, 0.5, 1, 1.5, 2, .nan, 4], in: 0...4)
    #expect(shares.map { ($0 * 6).rounded() } == [2, 2, 1, 1])
    let constant = Histogram(title: "T", axis: "x", samples: [Histogram.Sample("c", [1, 1])])
    #expect(parseError(constant.svg.inline) == nil)
    #expect(parseError(Histogram(title: "T", axis: "x", samples: []).svg.inline) == nil)
  }
}

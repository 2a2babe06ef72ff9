import Foundation

/// A drawing in the making: shapes and text in user units, styled by the classes of `PlotStyle`.
public struct SVG: Sendable {
  /// Read by screen readers, and shown by browsers as a tooltip.
  public let title: String
  /// A sentence that says what the drawing shows, for those who do not see it.
  public let summary: String
  public let width: Double
  public let height: Double
  private var body = ""

  public init(title: String, summary: String, width: Double, height: Double) {
    self.title = title
    self.summary = summary
    self.width = width
    self.height = height
  }

  /// The element for a page whose style sheet holds `PlotStyle.css`.
  public var inline: String { element(margin: 0, inside: body) }

  /// The contents of an .svg file, which brings its own style, light and dark, and its own paper with a margin.
  public var standalone: String {
    let margin = 16.0
    let paper =
      #"<rect class="paper" x="\#(number(-margin))" y="\#(number(-margin))" width="100%" height="100%"/>"#
    return element(margin: margin, inside: "<style>\(PlotStyle.css)</style>" + paper + body)
  }

  private func element(margin: Double, inside: String) -> String {
    let box = [-margin, -margin, width + 2 * margin, height + 2 * margin].map(number).joined(separator: " ")
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="walsh-plot" viewBox="\(box)" role="img" \
      aria-label="\(escaped(title)). \(escaped(summary))"><title>\(escaped(title))</title>\
      <desc>\(escaped(summary))</desc>\(inside)</svg>
      """
  }

  // MARK: Shapes

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
    body +=
      #"<line class="\#(style)" x1="\#(number(x1))" y1="\#(number(y1))" x2="\#(number(x2))" y2="\#(number(y2))"/>"#
  }

  mutating func rect(x: Double, y: Double, width: Double, height: Double, _ style: String, tooltip: String? = nil) {
    let shape =
      #"class="\#(style)" x="\#(number(x))" y="\#(number(y))" width="\#(number(width))" height="\#(number(height))" rx="2""#
    close("rect", shape, tooltip)
  }

  mutating func path(_ points: [(Double, Double)], _ style: String) {
    let steps = points.enumerated().map { "\($0 == 0 ? "M" : "L")\(number($1.0)) \(number($1.1))" }
    body += #"<path class="\#(style)" d="\#(steps.joined())"/>"#
  }

  /// A marker around a point, one of seven shapes: colour is never the only difference between series, and when colours
  /// begin again behind seven series, shapes are shifted by one.
  mutating func marker(
    _ shape: Int, _ x: Double, _ y: Double, radius r: Double, _ style: String, tooltip: String? = nil
  ) {
    func polygon(_ corners: [(Double, Double)]) {
      let points = corners.map { "\(number(x + r * $0.0)),\(number(y + r * $0.1))" }.joined(separator: " ")
      close("polygon", #"class="\#(style)" points="\#(points)""#, tooltip)
    }
    switch (shape + shape / PlotStyle.colours) % 7 {
    case 0: close("circle", #"class="\#(style)" cx="\#(number(x))" cy="\#(number(y))" r="\#(number(r))""#, tooltip)
    case 1: polygon([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])
    case 2: polygon([(0, -1.2), (1.1, 0.8), (-1.1, 0.8)])
    case 3: polygon([(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)])
    case 4: polygon([(0, 1.2), (1.1, -0.8), (-1.1, -0.8)])
    case 5:
      polygon([
        (-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4), (0.4, 1.2), (-0.4, 1.2),
        (-0.4, 0.4),
        (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4),
      ])
    default: polygon([(-1.1, -1), (1.1, -1), (-1.1, 1), (1.1, 1)])
    }
  }

  /// Where a text begins, ends or has its middle.
  enum Anchor: String { case start, middle, end }

  mutating func text(_ string: String, x: Double, y: Double, _ anchor: Anchor = .start, _ style: String = "label") {
    body +=
      #"<text class="\#(style)" x="\#(number(x))" y="\#(number(y))" text-anchor="\#(anchor.rawValue)">\#(escaped(string))</text>"#
  }

  private mutating func close(_ element: String, _ attributes: String, _ tooltip: String?) {
    body +=
      tooltip.map { "<\(element) \(attributes)><title>\(escaped($0))</title></\(element)>" }
      ?? "<\(element) \(attributes)/>"
  }

  /// The width that `string` takes at most, roughly; the widest common sans serif letters are 0.62 times as wide as high.
  static func width(of string: String, size: Double = 13) -> Double { 0.62 * size * Double(string.count) }
}

/// `x` with one decimal at most; drawings need no more.
private func number(_ x: Double) -> String {
  let rounded = (x * 10).rounded() / 10
  return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
}

/// `text` with the five characters escaped that mean something in XML.
func escaped(_ text: String) -> String {
  var result = ""
  for character in text {
    switch character {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    default: result.append(character)
    }
  }
  return result
}

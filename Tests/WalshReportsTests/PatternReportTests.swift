import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTraining

@testable import WalshReports

@Suite("Reports of outlier patterns")
struct PatternReportTests {
  /// The study of a golden model on tokens without meaning.
  private static let study: PatternStudy? = {
    var settings = PatternStudy.Settings()
    settings.formats = [.mxfp4, .nvfp4]
    return try? PatternStudy(
      ModelFolder(TestFiles.golden("models/llama-tied")),
      windows: (0..<2).map { w in (0..<24).map { ($0 * 5 + w) % 17 } },
      settings: settings)
  }()

  @Test("tables have a row for every kind, group, mode and layer, and shares of a tensor add up")
  func tables() throws {
    let study = try #require(Self.study)
    #expect(study.shareTable.rows.map(\.[0].text) == study.kinds)
    for row in study.shareTable.rows {
      for tensor in 0..<3 {
        let shares = row[(2 + 3 * tensor)..<(5 + 3 * tensor)].compactMap { Double($0.text.dropLast(2)) }
        #expect(shares.count == 3 && abs(shares.reduce(0, +) - 100) <= 1)
      }
    }
    for format in 0..<2 {
      let table = study.errorTable(format: format)
      #expect(table.rows.count == study.groups.count)
      for (row, group) in zip(table.rows, study.groups) {
        #expect(row[row.count - 2].text == group.errors[format].best?.label)
        #expect(row.count { $0.emphasis == .best } <= 1)
      }
      #expect(study.strategyTable(format: format).rows.count == 13)
    }
    #expect(study.layerTable.rows.count == study.layers.count)
    #expect(study.sections.count == 6)
  }

  @Test("JSON reads back with the numbers of the study, by the names of AdaHOP's files")
  func json() throws {
    let study = try #require(Self.study)
    let json = try JSON(parsing: study.json.serialized())
    let layers = try #require(json["layers"]?.arrayValue)
    #expect(layers.count == study.layers.count)
    for (layer, entry) in zip(study.layers, layers) {
      #expect(entry["path"]?.stringValue == layer.path)
      #expect(entry["x"]?.stringValue == layer.patterns.x.rawValue)
      #expect(entry["grad_output"]?.stringValue == layer.patterns.gradient.rawValue)
      #expect(entry["observations"]?["w"]?.arrayValue?.count == 2)
      for (slot, product) in zip(ProductSlot.allCases, try #require(entry["products"]?.arrayValue)) {
        #expect(product["product"]?.stringValue == slot.rawValue)
        let pair = layer.patterns.pair(in: slot)
        #expect(product["pair"]?.stringValue == pair.name)
        #expect(product["lv2"]?.stringValue == PatternTable.lv2.mode(pair.left, pair.right).rawValue)
        for (index, format) in ["MXFP4", "NVFP4"].enumerated() {
          let errors = try #require(layer.errors[slot])[index]
          for mode in ProductMode.allCases {
            #expect(product["errors"]?[format]?[mode.rawValue]?.doubleValue == errors[mode])
          }
          #expect(product["best"]?[format]?.stringValue == errors.best?.rawValue)
        }
      }
    }
    let pairs = try #require(json["pairs"]?.arrayValue)
    #expect(pairs.count == study.groups.count)
    #expect(json["kinds"]?.arrayValue?.map { $0["kind"]?.stringValue } == study.kinds)
  }

  @Test("the page is well-formed, with a drawing of shares and one of errors for each format")
  func page() throws {
    let study = try #require(Self.study)
    let report = Report(study, model: "tiny & <small>", text: "text.txt", command: "walsh inspect tiny --patterns")
    let html = report.html
    #expect(parseError(html.replacing("<!doctype html>", with: "").replacing(/<meta[^>]*>/, with: "")) == nil)
    #expect(html.contains("tiny &amp; &lt;small&gt;"))
    #expect(html.components(separatedBy: "<svg ").count == 4)
    for heading in ["Patterns", "Errors in MXFP4", "Strategies in NVFP4", "Layers"] {
      #expect(html.contains("<h2>\(heading)</h2>"))
      #expect(report.markdown.contains("## \(heading)"))
    }
  }

  @Test("stacked bars fill the row in proportion, and parts that do not occur are not drawn")
  func stackedBars() {
    let chart = StackedBarChart(
      title: "T", axis: "share, %", parts: ["a", "b", "rest"],
      groups: [
        GroupedRows.Group(
          "G & H", [GroupedRows.Row("one", [0.25, 0.75, 0]), GroupedRows.Row("two", [0, 0, 1])])
      ])
    let svg = chart.svg.standalone
    #expect(parseError(svg) == nil)
    #expect(svg.contains("G &amp; H, one: b 75 %") && svg.contains("G &amp; H, two: rest 100 %"))
    // Three in the legend, three in the bars.
    #expect(svg.components(separatedBy: "<rect class=\"bar").count == 7)
    #expect(svg.contains(">25 · 75 · 0<"))
    let widths = svg.matches(of: /<rect class="bar [^"]*" x="[^"]*" y="[^"]*" width="([0-9.]+)" height="16"/)
      .compactMap { Double($0.1) }
    #expect(widths.count == 3)
    if widths.count == 3 {
      #expect(abs((widths[0] + 1) * 4 - (widths[2] + 1)) < 1 && abs((widths[1] + 1) / 3 - (widths[0] + 1)) < 1)
    }
  }

  @Test("dots stand where their values are, and those without a logarithm are left out")
  func dots() {
    let chart = DotChart(
      title: "T", axis: "error", series: ["a", "b"],
      groups: [GroupedRows.Group("G", [GroupedRows.Row("one", [0.1, 0.2]), GroupedRows.Row("two", [.nan, 0])])])
    let svg = chart.svg.standalone
    #expect(parseError(svg) == nil)
    #expect(svg.contains("G, one, a: 0.100") && svg.contains("G, one, b: 0.200"))
    #expect(!svg.contains("G, two, a") && !svg.contains("G, two, b"))
    #expect(chart.svg.summary.contains("one a 0.100"))
  }
}

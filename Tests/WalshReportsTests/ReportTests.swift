import Foundation
import FoundationXML
import TestSupport
import Testing
import WalshCheckpoints

@testable import WalshReports

@Suite("Reports")
struct ReportTests {
  @Test("The page needs nothing from elsewhere")
  func selfContained() {
    let html = Sample.report.html
    for reference in ["src=", "href=", "url(", "@import", "<script"] {
      #expect(!html.contains(reference), "\(reference)")
    }
    #expect(html.hasPrefix("<!doctype html>"))
    #expect(!html.contains("{{"))
  }

  @Test("The page is well-formed, drawings included, and names are escaped")
  func wellFormed() throws {
    let html = Sample.report.html
    #expect(html.contains("MXFP4 &lt;rtn&gt; | a*b"))
    #expect(html.contains("duquant++ &lt;ours&gt;"))
    #expect(!html.contains("<rtn>"))
    // But for the doctype and three void elements a page of ours is XML.
    let xml = html.replacing("<!doctype html>", with: "").replacing(/<meta[^>]*>/, with: "")
    #expect(parseError(xml) == nil)
  }

  @Test("An almost empty report is a page too, without headings for what is missing")
  func minimal() {
    let html = Report(title: "Nothing", summary: "yet").html
    for heading in ["Models", "Settings", "Layers", "Again"] {
      #expect(!html.contains("<h2>\(heading)"), "\(heading)")
    }
    #expect(parseError(html.replacing("<!doctype html>", with: "").replacing(/<meta[^>]*>/, with: "")) == nil)
  }

  @Test("Markdown has the table, escaped, with the best candidate in bold")
  func markdown() {
    let markdown = Sample.report.markdown
    #expect(markdown.hasPrefix("# babyllama in MXFP4\n"))
    #expect(markdown.contains("| MXFP4 \\<rtn> \\| a\\*b |"))
    #expect(markdown.contains("**\(Sample.comparison.table.rows[4][1].text)**"))
    #expect(markdown.contains("```sh\nwalsh quantize"))
    let widths = Set(
      markdown.split(separator: "\n").filter { $0.contains("MXFP4 gptq") || $0.contains("Perplexity") }
        .map { $0.split(separator: "|").count })
    #expect(widths.count == 1)
  }

  @Test("The three files are written, and the JSON reads back with its figures")
  func files() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let report = Sample.report
    try report.write(to: folder)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names == ["report.html", "report.json", "report.md"])
    let json = try JSON(parsing: [UInt8](Data(contentsOf: folder.appending(path: "report.json"))))
    #expect(json["comparison"]?.arrayValue?.count == 5)
    #expect(json["comparison"]?.arrayValue?[0]["loss"]?.doubleValue == Sample.comparison.rows[0].loss.loss)
    #expect(json["layers"]?.arrayValue?.count == 35)
    #expect(json["layers"]?.arrayValue?[34]["layer"]?.stringValue == "model.layers.4.mlp.down_proj")
    #expect(json["facts"]?["Seed"]?.stringValue == "0")
    #expect(try String(contentsOf: folder.appending(path: "report.html"), encoding: .utf8) == report.html)
  }

  @Test("The same report gives the same page")
  func deterministic() {
    #expect(Sample.report.html == Sample.report.html)
  }
}

/// The line and column of the first error in `xml`; nil when it is well-formed.
func parseError(_ xml: String) -> String? {
  let parser = XMLParser(data: Data(xml.utf8))
  if parser.parse() { return nil }
  return "line \(parser.lineNumber), column \(parser.columnNumber): \(String(describing: parser.parserError))"
}

import Foundation
import FoundationXML
import Testing
import WalshTraining

@testable import WalshReports

@Suite("Training runs side by side")
struct RunComparisonTests {
  /// A run of ten steps whose held-out loss is measured after five and ten.
  private func run(_ recipe: String, seed: UInt64, _ losses: [Double], batch: Int = 8) -> TrainingRecord {
    var configuration = TrainingConfiguration()
    (configuration.recipe, configuration.seed, configuration.steps, configuration.batch) = (recipe, seed, 10, batch)
    configuration.validation = .share(0.1)
    let entries = zip([5, 10], losses).map {
      TrainingHistory.Entry(step: $0, loss: $1 + 1, validationLoss: $1, learningRate: 0.1)
    }
    return TrainingRecord(
      folder: URL(filePath: "/runs/\(recipe)-\(seed)"), configuration: configuration,
      history: TrainingHistory(entries: entries))
  }

  private var sample: [TrainingRecord] {
    [
      run("bf16", seed: 1, [4, 3]), run("bf16", seed: 2, [4, 2]), run("mxfp4", seed: 1, [4.5, 3.25]),
      run("mxfp4", seed: 2, [4.5, 2.5]), run("nvfp4", seed: 2, [4.1, 2.125]),
    ]
  }

  @Test("Gaps are paired by seed, and recipes keep their order")
  func gaps() throws {
    let comparison = try RunComparison(sample, base: "bf16")
    #expect(comparison.groups.map(\.recipe) == ["bf16", "mxfp4", "nvfp4"])
    #expect(comparison.gaps(of: "mxfp4") == [0.25, 0.5])
    #expect(comparison.gaps(of: "nvfp4") == [0.125])
    #expect(comparison.gapCurve(of: "mxfp4").map(\.step) == [5, 10])
    #expect(comparison.table.rows[1].map(\.text) == ["mxfp4", "2", "2.8750", "+0.3750"])
    #expect(comparison.table.rows[1][3].detail == "± 0.1768")
    #expect(comparison.table.rows[2][3].detail.isEmpty)
    #expect(comparison.json.arrayValue?[1]["gaps"]?.arrayValue?[1].doubleValue == 0.5)
    #expect(comparison.plots[0].series.map(\.name) == ["mxfp4", "nvfp4"])
  }

  @Test("The report is well-formed and has the table in every form")
  func report() throws {
    let report = Report(try RunComparison(sample))
    #expect(report.markdown.contains("| mxfp4 | 2 |"))
    #expect(report.html.contains("Gap to bf16"))
    let rows = report.json["sections"]?.arrayValue?[0]["rows"]?.arrayValue
    #expect(rows?[1].arrayValue?[0].stringValue == "mxfp4")
    let xml = report.html.replacing("<!doctype html>", with: "").replacing(/<meta[^>]*>/, with: "")
    #expect(XMLParser(data: Data(xml.utf8)).parse())
  }

  @Test("Runs that cannot be compared are refused with a sentence")
  func refusals() {
    func message(_ runs: [TrainingRecord], base: String? = nil) -> String {
      do {
        _ = try RunComparison(runs, base: base)
        return ""
      } catch { return error.description }
    }
    #expect(message([]).contains("none to compare"))
    #expect(message(sample + [run("fp8", seed: 1, [4, 3], batch: 4)]).contains("in batch"))
    #expect(message(sample + [run("fp8", seed: 1, [4])]).contains("no held-out loss at its end"))
    #expect(message(sample + [run("nvfp4", seed: 2, [4, 3])]).contains("nvfp4-2"))
    #expect(message(sample + [run("fp8", seed: 9, [4, 3])]).contains("no run has a seed of bf16"))
    #expect(message(sample, base: "fp32").contains("no run has the recipe “fp32”"))
  }
}

import Foundation
import FoundationXML
import TestSupport
import Testing
import WalshEvaluation
import WalshModels
import WalshQuantization

@testable import WalshReports

@Suite("Methods side by side")
struct MethodTableTests {
  private static let model = TestFiles.root.appending(path: "Examples/story-llama")
  private static let stories = TestFiles.root.appending(path: "Examples/stories-test.json")

  /// A study of the example model on two stories.
  private func study(_ requests: [QuantizationRequest], in folder: URL) throws -> Study {
    let base = try ModelFolder(Self.model)
    let tokenizer = try base.tokenizer()
    let encoding = TokenEncoding(tokenizer)
    return Study(
      base: base, requests: requests,
      calibration: { request in
        try CalibrationText(
          Self.stories, tokenizer: tokenizer, beginToken: encoding.beginToken, count: 2, context: 32,
          seed: request.seed)
      },
      windows: try ScoringProtocol.documents(context: 48).windows(
        of: try EvaluationText(contentsOf: Self.stories).prefix(2), encoding: encoding), folder: folder)
  }

  private func requests(seeds: [UInt64]) throws -> [QuantizationRequest] {
    let preset = try #require(Preset(named: "W4A4KV4"))
    return try ["rtn", "rotation/two-block/rtn"].flatMap { variant in
      try seeds.map { seed in
        var request = try QuantizationRequest(variant: variant, preset: preset)
        request.seed = seed
        return request
      }
    }
  }

  @Test("Seeds share a row, with their spread; a refused request is told and keeps no other from its turn")
  func table() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var refused = try requests(seeds: [1])[0]
    refused.exceptions = ["no_such_layer"]
    let outcome = try study([refused] + requests(seeds: [1, 2]), in: folder).run()
    #expect(outcome.failures.map(\.sentence).allSatisfy { $0.contains("no_such_layer") })
    #expect(outcome.failures.count == 1 && outcome.entries.count == 4)

    let table = MethodTable([outcome])
    let losses = table.losses(for: "W4A4KV4")
    #expect(losses.rows.map { $0[0].text } == ["rtn", "rotation two-block rtn"])
    // Plain rounding has nothing random; a two-block rotation has.
    #expect(losses.rows[0][1].detail == "± 0.0000")
    #expect(losses.rows[1][1].detail != "± 0.0000" && losses.rows[1][1].detail.hasPrefix("± "))
    let figures = table.figures(of: outcome, for: "W4A4KV4")
    #expect(figures.rows.map { $0[1].text } == ["2", "2"])
    #expect(figures.rows[0][6].text == "–" && figures.rows[1][6].text.hasSuffix("%"))

    let report = Report(table)
    #expect(report.sections.map(\.heading).last == "Without a result")
    let xml = report.html.replacing("<!doctype html>", with: "").replacing(/<meta[^>]*>/, with: "")
    #expect(XMLParser(data: Data(xml.utf8)).parse())
    #expect(table.json.arrayValue?[0]["entries"]?.arrayValue?.count == 4)
  }

  @Test("A resumed study keeps finished models and makes those of another request again")
  func resume() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let requests = try requests(seeds: [1])
    let first = try study(requests, in: folder).run()
    func written(_ entry: Study.Entry) throws -> Date? {
      try FileManager.default.attributesOfItem(atPath: entry.folder.appending(path: "config.json").path)[
        .modificationDate] as? Date
    }
    let dates = try first.entries.map(written)
    var changed = requests
    changed[1].seed = 7
    let second = try study(changed, in: folder).run(resuming: true)
    #expect(try written(second.entries[0]) == dates[0])
    #expect(try written(second.entries[1]) != dates[1])
    #expect(second.entries[0].row.loss == first.entries[0].row.loss)
    #expect(second.entries[0].layers == first.entries[0].layers)
    #expect(second.entries[1].row.loss != first.entries[1].row.loss)
  }

  @Test("A variant names a method and its settings; anything else is one sentence")
  func variants() throws {
    let preset = try #require(Preset(named: "MXFP4"))
    let request = try QuantizationRequest(variant: "rotation/block32/rtn/folded", preset: preset)
    #expect(request.rotation == .block32 && request.solver == .rtn && !request.usesOnlineRotations)
    #expect(request.methodLabel == "rotation block32 folded rtn")
    for wrong in ["", "rotatoin", "gptq/block32", "rotation/", "rtn/folded"] {
      #expect(throws: QuantizationError.self) { try QuantizationRequest(variant: wrong, preset: preset) }
    }
  }
}

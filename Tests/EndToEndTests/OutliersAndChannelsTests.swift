import Foundation
import TestSupport
import Testing
import WalshCheckpoints

/// `walsh outliers` and `walsh inspect --channels` on the model of the demo.
@Suite(
  "Outliers and channels on the command line",
  .enabled(if: Executable.walsh != nil, "The executable walsh was not built; run swift build first."))
struct OutliersAndChannelsTests {
  private let model = TestFiles.root.appending(path: "Examples/story-llama").path
  private let stories = TestFiles.root.appending(path: "Examples/stories-test.json").path

  private func walsh(_ arguments: String...) throws -> Executable.Result {
    try #require(Executable.walsh).run(arguments + ["--quiet"])
  }

  @Test("a copy with outliers, and the channels that show them, for any number of threads")
  func channels() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let copy = folder.appending(path: "copy")
    let made = try walsh("outliers", model, "--output", copy.path, "--channels", "3", "--scale", "16", "--json")
    #expect(made.status == 0, "\(made.errors)")
    let outliers = try JSON(parsing: Array(made.output.utf8))
    #expect(try #require(outliers["logitDifference"]?.doubleValue) < 1e-5)
    #expect(outliers["token"]?["group"]?.stringValue == "layers.0.mlp.output")
    let again = try walsh("outliers", model, "--output", copy.path)
    #expect(again.status == 1 && again.errors.contains("--force"), "\(again.errors)")
    let bad = try walsh("outliers", model, "--output", copy.path, "--force", "--scale", "7")
    #expect(bad.status == 1 && bad.errors.contains("--scale 7"), "\(bad.errors)")
    #expect(FileManager.default.fileExists(atPath: copy.appending(path: "config.json").path))

    func treatments(_ model: String, _ arguments: [String], threads: String) throws -> (String, [[JSON]]) {
      let text = ["--documents", stories, "--windows", "2", "--context", "64", "--json", "--threads", threads]
      let result = try #require(Executable.walsh).run(
        ["inspect", model, "--channels"] + text + arguments + ["--quiet"])
      #expect(result.status == 0, "\(result.errors)")
      let groups = try JSON(parsing: Array(result.output.utf8))["channels"]?["groups"]?.arrayValue ?? []
      return (result.output, groups.compactMap { $0["treatments"]?.arrayValue })
    }
    let page = folder.appending(path: "page")
    let (text, planted) = try treatments(copy.path, ["--output", page.path], threads: "1")
    #expect(try treatments(copy.path, ["--output", page.path], threads: "2").0 == text)
    let plain = try treatments(model, [], threads: "2").1
    #expect(planted.count == plain.count && !planted.isEmpty)
    for (a, b) in zip(planted, plain) {
      let peaks = try [a, b].map { try #require($0.first?["activation"]?["peak"]?.doubleValue) }
      #expect(peaks[0] > 3 * peaks[1])
      let names = a.compactMap { $0["name"]?.stringValue }
      let peaksByName = Dictionary(
        uniqueKeysWithValues: zip(names, a.compactMap { $0["activation"]?["peak"]?.doubleValue }))
      #expect(try #require(peaksByName["hadamard"]) < 0.5 * peaks[0])
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: page.path)
    #expect(files.contains("report.html") && files.contains("report.json"))
    #expect(files.contains("activations-of-mlp.output.svg"))
  }
}

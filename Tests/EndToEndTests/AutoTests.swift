import Foundation
import TestSupport
import Testing
import WalshCheckpoints

/// `walsh quantize --method auto` on the model of the demo.
@Suite(
  "auto on the command line",
  .enabled(if: Executable.walsh != nil, "The executable walsh was not built; run swift build first."))
struct AutoCommandTests {
  private let model = TestFiles.root.appending(path: "Examples/story-llama").path
  private let stories = TestFiles.root.appending(path: "Examples/stories-train.json").path

  private func quantize(_ arguments: [String]) throws -> Executable.Result {
    try #require(Executable.walsh).run(["quantize", model] + arguments + ["--quiet"])
  }

  @Test("prints what it measured, keeps the budget, and writes the same to the report")
  func evidence() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let recipe = folder.appending(path: "auto.yaml")
    try Data("method: auto\nto: W4A16\nauto: { budget: 5, tokens: 128 }\n".utf8).write(to: recipe)
    let (output, page) = (folder.appending(path: "out"), folder.appending(path: "page"))
    let made = try quantize([
      "--recipe", recipe.path, "--calibration", stories, "--samples", "16", "--context", "64", "--output",
      output.path,
      "--report", page.path,
    ])
    #expect(made.status == 0, "\(made.errors)")
    for text in ["Plans tried", "Groups", "Formats", "layers.0.mlp.output", "block32", "chosen", "rotation hadamard"]
    {
      #expect(made.output.contains(text), "\(text)")
    }
    let html = try String(contentsOf: page.appending(path: "report.html"), encoding: .utf8)
    #expect(html.contains("Divergence of the plans tried") && html.contains("Plans tried"))
    let json = try JSON(parsing: [UInt8](Data(contentsOf: output.appending(path: "auto.json"))))
    let trials = try #require(json["trials"]?.arrayValue)
    #expect(trials.count >= 8)
    for trial in trials { #expect(try #require(trial["bits"]?.doubleValue) <= 5) }
    #expect(trials.count { $0["chosen"] == .bool(true) } == 1)
  }

  @Test("what it cannot do is one sentence, and nothing is written")
  func refused() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let output = folder.appending(path: "out")
    let cases: [(arguments: [String], status: Int32, named: String)] = [
      (["--to", "MXFP4", "--method", "auto", "--budget", "3", "--calibration", stories], 1, "MXFP4 with 4.271 bits"),
      (["--to", "MXFP4", "--method", "gptq", "--budget", "5", "--calibration", stories], 64, "--method auto"),
      (["--to", "MXFP4", "--method", "auto"], 64, "--calibration"),
      (["--to", "full", "--method", "auto", "--calibration", stories], 1, "rounds no weights"),
    ]
    for (arguments, status, named) in cases {
      let result = try quantize(arguments + ["--output", output.path])
      #expect(result.status == status, "\(arguments): \(result.errors)")
      #expect(result.errors.contains(named), "\(result.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }
}

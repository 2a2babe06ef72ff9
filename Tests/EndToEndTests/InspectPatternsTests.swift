import Foundation
import TestSupport
import Testing
import WalshCheckpoints

/// `walsh inspect --patterns` on the model of the demo.
@Suite(
  "Outlier patterns on the command line",
  .enabled(if: Executable.walsh != nil, "The executable walsh was not built; run swift build first."))
struct InspectPatternsTests {
  private let model = TestFiles.root.appending(path: "Examples/story-llama").path
  private let stories = TestFiles.root.appending(path: "Examples/stories-test.json").path

  private func inspect(_ arguments: String...) throws -> Executable.Result {
    try #require(Executable.walsh).run(["inspect"] + arguments + ["--quiet"])
  }

  @Test("tables, JSON and a page, with the same numbers for any number of threads")
  func study() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let page = folder.appending(path: "patterns.html")
    let text = try inspect(
      model, "--patterns", "--documents", stories, "--windows", "1", "--context", "64", "--report", page.path,
      "--threads", "1")
    #expect(text.status == 0, "\(text.errors)")
    for heading in ["Patterns", "Errors in MXFP4", "Strategies in MXFP4", "Layers"] {
      #expect(text.output.contains(heading))
    }
    let html = try String(contentsOf: page, encoding: .utf8)
    #expect(html.contains("Where the outliers lie") && html.contains("Error of each product in MXFP4"))

    let arguments = [model, "--patterns", "--documents", stories, "--windows", "1", "--context", "64", "--json"]
    let outputs = try ["1", "2"].map { threads in
      try #require(Executable.walsh).run(["inspect"] + arguments + ["--quiet", "--threads", threads])
    }
    #expect(outputs[0].status == 0 && outputs[0].output == outputs[1].output)
    let json = try JSON(parsing: Array(outputs[0].output.utf8))
    let layers = try #require(json["patterns"]?["layers"]?.arrayValue)
    #expect(layers.count == 21)
    #expect(
      json["patterns"]?["kinds"]?.arrayValue?.compactMap { $0["kind"]?.stringValue }
        == ["q", "k", "v", "o", "gate", "up", "down"])
    for layer in layers {
      for product in try #require(layer["products"]?.arrayValue) {
        let errors = try #require(product["errors"]?["MXFP4"])
        let plain = try #require(errors["none"]?.doubleValue)
        #expect((0.02...1).contains(plain))
        #expect(try #require(errors["full_precision"]?.doubleValue) < plain / 10)
      }
    }
  }

  @Test("what cannot be studied is refused with one sentence")
  func refused() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let short = folder.appending(path: "short.txt")
    try Data("Once upon a time".utf8).write(to: short)
    let quantized = folder.appending(path: "quantized")
    let made = try #require(Executable.walsh).run(
      ["quantize", model, "--to", "MXFP4A16", "--output", quantized.path, "--quiet"])
    #expect(made.status == 0, "\(made.errors)")
    let cases: [(arguments: [String], status: Int32, named: String)] = [
      ([model, "--patterns", "--text", short.path], 1, "does not fill one window"),
      ([quantized.path, "--patterns", "--documents", stories], 1, "it is quantized"),
      ([model, "--patterns", "--text", "/nowhere.txt"], 1, "/nowhere.txt"),
      ([model, "--patterns"], 64, "--documents FILE.json or --text FILE"),
      ([model, "--text", short.path], 64, "--channels or --patterns"),
      ([model, "--windows", "4"], 64, "--windows belongs to --channels or --patterns"),
      ([model, "--format", "NVFP4"], 64, "--format belongs to --channels or --patterns"),
      ([model, "--extract", "4"], 64, "--extract belongs to --patterns"),
      ([model, "--channels", "--documents", stories, "--extract", "4"], 64, "--extract belongs to --patterns"),
      ([model, "--report", "page.html"], 64, "--report belongs to --patterns"),
      ([model, "--patterns", "--documents", stories, "--output", "out"], 64, "--output belongs to --channels"),
      ([model, "--base", model], 64, "--base belongs to --channels"),
      ([model, "--channels", "--documents", stories, "--format", "INT9"], 64, "--format INT9"),
      ([model, "--channels"], 64, "--documents FILE.json or --text FILE"),
      ([quantized.path, "--channels", "--documents", stories, "--format", "MXFP4"], 64, "its own formats"),
      ([model, "--patterns", "--documents", stories, "--format", "INT8"], 64, "--format INT8"),
      ([model, "--patterns", "--documents", stories, "--windows", "0"], 64, "--windows 0"),
    ]
    for (arguments, status, named) in cases {
      let result = try #require(Executable.walsh).run(["inspect"] + arguments + ["--quiet"])
      #expect(result.status == status, "\(arguments) \(result.errors)")
      #expect(result.errors.contains(named), "\(result.errors)")
      #expect(result.output.isEmpty)
      if status == 1 { #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)") }
    }
  }
}

import Foundation
import TestSupport
import Testing
import WalshCheckpoints

/// Every command that takes a model takes a Mamba.
@Suite(
  "A Mamba on the command line",
  .enabled(if: Executable.walsh != nil, "The executable walsh was not built; run swift build first."))
struct MambaCommandTests {
  private func run(_ arguments: [String]) throws -> String {
    let result = try #require(Executable.walsh).run(arguments)
    #expect(result.status == 0, "\(arguments[0]): \(result.errors)")
    return result.output
  }

  private func json(_ arguments: [String]) throws -> JSON {
    try JSON(parsing: [UInt8](run(arguments + ["--json"]).utf8))
  }

  @Test("Train, resume, inspect, eval, generate; quantize by every method, eval and generate again")
  func commands() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = folder.appending(path: "text.txt").path
    let sentences = (0..<300).map { "The \(["cat", "dog", "owl"][$0 % 3]) sat on mat number \($0 % 7).\n" }
    try Data(sentences.joined().utf8).write(to: URL(filePath: text))
    let model = folder.appending(path: "model").path
    _ = try run([
      "train", "--architecture", "mamba", "--layers", "2", "--width", "48", "--states", "8", "--step-rank", "16",
      "--vocabulary", "280", "--text", text, "--steps", "60", "--batch", "4", "--context", "32", "--learning-rate",
      "0.01", "--output", model,
    ])
    // The run is at its end: resuming it makes no step and says so by its success.
    _ = try run(["train", "--resume", "--output", model])

    let inspection = try run(["inspect", model])
    for word in ["mamba", "mixer.scan", "SiLU of the convolution", "16 outputs of x_proj", "any invertible map"] {
      #expect(inspection.contains(word), "\(word)")
    }
    let base = try #require(try json(["eval", model, "--text", text, "--context", "64"])["loss"]?.doubleValue)
    #expect(base < 2)
    let story = try run(["generate", model, "--prompt", "The cat", "--tokens", "20", "--temperature", "0"])
    #expect(story.hasPrefix("The cat sat on"))

    for (method, preset) in [("rtn", "MXFP4"), ("gptq", "W4A16"), ("rotation", "MXFP4"), ("smoothquant", "W8A8")] {
      let output = folder.appending(path: method).path
      _ = try run([
        "quantize", model, "--to", preset, "--method", method, "--calibration", text, "--samples", "8", "--context",
        "64", "--output", output,
      ])
      let loss = try #require(try json(["eval", output, "--text", text, "--context", "64"])["loss"]?.doubleValue)
      #expect(loss < base + 1, "\(method): \(base) and \(loss)")
      #expect(
        try run(["generate", output, "--prompt", "The dog", "--tokens", "8", "--temperature", "0"]).hasPrefix(
          "The dog"))
      #expect(try run(["inspect", output]).contains("mixer.output"))
    }
  }

  @Test("A folder without A_log, and one whose config.json contradicts itself, end in one sentence")
  func damaged() throws {
    let walsh = try #require(Executable.walsh)
    let source = TestFiles.golden("models/mamba")
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appending(path: "model")
    try FileManager.default.copyItem(at: source, to: model)
    let configuration = model.appending(path: "config.json")
    let text = try String(contentsOf: configuration, encoding: .utf8)
    for (old, new, cause) in [
      ("\"state_size\": 8", "\"state_size\": 16", "A_log has the shape [64, 8], but config.json makes it [64, 16]"),
      ("\"intermediate_size\": 64", "\"intermediate_size\": 65", "intermediate_size is 65, but expand"),
      ("\"hidden_size\": 32", "\"hidden_size\": -1", "hidden_size is -1"),
      (
        "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
        "the tensor backbone.layers.2.mixer.in_proj.weight is missing"
      ),
    ] {
      try Data(text.replacing(old, with: new).utf8).write(to: configuration)
      let result = try walsh.run([
        "quantize", model.path, "--to", "MXFP4", "--method", "rtn", "--output", folder.path + "/o",
      ])
      #expect(result.status == 1 && result.errors.contains(cause), "\(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }
  }
}

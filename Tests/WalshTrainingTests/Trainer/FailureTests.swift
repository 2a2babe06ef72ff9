import Foundation
import Testing
import WalshCheckpoints

@testable import WalshTraining

@Suite("Training that cannot be done")
struct FailureTests {
  /// What is wrong, and what the sentence must contain.
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let sentence: String
    let change: @Sendable (inout TrainingConfiguration, URL) throws -> Void

    init(
      _ description: String, _ sentence: String,
      _ change: @escaping @Sendable (inout TrainingConfiguration, URL) throws -> Void
    ) {
      self.description = description
      self.sentence = sentence
      self.change = change
    }
  }

  private static func write(_ text: String, to url: URL) throws -> String {
    try Data(text.utf8).write(to: url)
    return url.path
  }

  static let atTheStart = [
    Case("no text", "text: there is nothing to learn from; give --text FILE.") { c, _ in c.text = [] },
    Case("an empty text", "empty.txt: there is no text to learn from; give a file with text.") { c, folder in
      c.text = [try write("", to: folder.appending(path: "empty.txt"))]
    },
    Case("a missing text", "missing.txt: the text cannot be read; check its name and permissions.") { c, folder in
      c.text = [folder.appending(path: "missing.txt").path]
    },
    Case("bytes that are no text", "bad.txt: the text is not UTF-8; convert it first.") { c, folder in
      let url = folder.appending(path: "bad.txt")
      try Data([0xFF, 0xFE, 0x00]).write(to: url)
      c.text = [url.path]
    },
    Case("a line that is no document", "bad.jsonl, line 2: there is neither a text nor") { c, folder in
      c.text = [try write("{\"text\":\"a\"}\n{\"title\":\"b\"}", to: folder.appending(path: "bad.jsonl"))]
    },
    Case("a line that is no JSON", "bad.jsonl, line 1: this is not JSON") { c, folder in
      c.text = [try write("{text}", to: folder.appending(path: "bad.jsonl"))]
    },
    Case("JSON that is no array", "a.json: a text that ends in .json must be an array") { c, folder in
      c.text = [try write("{}", to: folder.appending(path: "a.json"))]
    },
    Case("a context longer than the text", "context 100000: the text has only") { c, _ in c.context = 100_000 },
    Case("a share that leaves nothing", "leaves none to learn from") { c, _ in
      c.context = 800
      c.validation = .share(0.9)
    },
    Case("an unknown recipe", "There is no recipe called “fp5”; choose one of fp32") { c, _ in c.recipe = "fp5" },
    Case("heads that do not divide", "heads 3: they do not divide the width, which is 32") { c, _ in
      c.model.heads = 3
      c.model.keyHeads = nil
    },
    Case("key heads that do not divide", "key-heads 3: it must divide the number of heads, which is 2.") { c, _ in
      c.model.keyHeads = 3
    },
    Case("a vocabulary below the bytes", "vocabulary 100: it must be a whole number from 258") { c, _ in
      c.model.vocabulary = 100
    },
    Case("no steps", "steps 0: it must be a whole number from 1") { c, _ in c.steps = 0 },
    Case("a rate that is no number", "learning-rate nan: it must be a number from") { c, _ in c.learningRate = .nan },
    Case("a warm-up longer than the run", "warm-up 13: it is longer than the run of 12 steps") { c, _ in c.warmUp = 13
    },
    Case("no tokenizer where one is said to be", "its tokenizer cannot be used") { c, folder in
      c.tokenizer = folder.path
    },
  ]

  @Test("What cannot begin is refused by a sentence, and nothing is written", arguments: atTheStart)
  func start(_ failure: Case) throws {
    let fixture = try TrainingFixture()
    var configuration = fixture.configuration
    try failure.change(&configuration, fixture.folder)
    let error = #expect(throws: (any Error).self) { try TrainingRun(configuration, in: fixture.output("run")) }
    let sentence = error.map { "\($0)" } ?? ""
    #expect(sentence.contains(failure.sentence), "\(sentence)")
    #expect(!sentence.contains("\n"))
    #expect(!FileManager.default.fileExists(atPath: fixture.output("run").path))
  }

  static let onResume = [
    Case("another vocabulary", "vocabulary 290: the run in ") { c, _ in c.model.vocabulary = 290 },
    Case("another width", "begun with { layers: 1, width: 32,") { c, _ in c.model.width = 64 },
    Case("another seed", "seed 9: the run in ") { c, _ in c.seed = 9 },
    Case("another batch", "batch 5: the run in ") { c, _ in c.batch = 5 },
    Case("a warm-up that there was not", "warm-up 2: the run in ") { c, _ in c.warmUp = 2 },
    Case("another text", "this is not the text that the run was begun with") { c, folder in
      c.text.append(try write("more", to: folder.appending(path: "more.txt")))
    },
  ]

  @Test("A run is not resumed as something else, and stays as it is", arguments: onResume)
  func resume(_ failure: Case) throws {
    let fixture = try TrainingFixture()
    var configuration = fixture.configuration
    configuration.steps = 5
    var run = try TrainingRun(configuration, in: fixture.output("run"))
    try run.run()
    let before = try fixture.contents(of: run.folder)
    configuration.steps = 12
    try failure.change(&configuration, fixture.folder)
    let error = #expect(throws: TrainingError.self) {
      try TrainingRun(configuration, in: fixture.output("run"), existing: .resume)
    }
    #expect(error?.description.contains(failure.sentence) == true, "\(error?.description ?? "")")
    #expect(try fixture.contents(of: run.folder) == before)
  }

  @Test("A finished folder is replaced only when asked, and a folder without a run is not resumed")
  func folders() throws {
    let fixture = try TrainingFixture()
    var run = try TrainingRun(fixture.configuration, in: fixture.output("run"))
    try run.run()
    let error = #expect(throws: TrainingError.self) { try TrainingRun(fixture.configuration, in: run.folder) }
    #expect(error?.cause == "the folder exists; choose another name, --resume the run in it or --force.")
    let again = try TrainingRun(fixture.configuration, in: run.folder, existing: .replace)
    #expect(again.trainer.step == 0)

    let states = run.folder.appending(path: "training")
    var other = try TrainingRun(fixture.configuration, in: fixture.output("other"))
    try other.run()
    try FileManager.default.removeItem(at: fixture.output("other").appending(path: "training/step-12.json"))
    let damaged = #expect(throws: TrainingError.self) {
      try TrainingRun(fixture.configuration, in: fixture.output("other"), existing: .resume)
    }
    #expect(damaged?.cause.hasPrefix("the state of the run is missing or damaged") == true)
    #expect(!FileManager.default.fileExists(atPath: states.path))
  }

  @Test("A loss that diverges ends the run with a sentence, and the last checkpoint stays")
  func divergence() throws {
    let fixture = try TrainingFixture()
    var configuration = fixture.configuration
    configuration.steps = 5
    var run = try TrainingRun(configuration, in: fixture.output("run"))
    try run.run()
    let before = try fixture.contents(of: run.folder)
    // The same weights under a rate that nothing survives.
    configuration.steps = 100
    configuration.learningRate = 900
    configuration.warmUp = 0
    let state = run.trainer
    var wild = Trainer(
      state.architecture, configuration: configuration, recipe: state.recipe, loader: state.loader,
      parameters: state.parameters)
    let error = #expect(throws: TrainingError.self) { for _ in 0..<20 { _ = try wild.advance() } }
    #expect(error?.subject.hasPrefix("step ") == true)
    #expect(error?.cause.contains("lower the learning rate, now ") == true, "\(error?.description ?? "")")
    #expect(try fixture.contents(of: run.folder) == before)
  }

  @Test("A weight that is not a number ends the run before it changes anything")
  func nan() throws {
    let fixture = try TrainingFixture()
    let begun = try TrainingRun(fixture.configuration, in: fixture.output("run")).trainer
    var parameters = begun.parameters
    parameters[0].withUnsafeMutableBufferPointer { $0.update(repeating: .nan) }
    var trainer = Trainer(
      begun.architecture, configuration: begun.configuration, recipe: begun.recipe, loader: begun.loader,
      parameters: parameters)
    let error = #expect(throws: TrainingError.self) { try trainer.advance() }
    #expect(error?.description == "step 1: the loss is not a number; lower the learning rate, now 0.01.")
    #expect(trainer.step == 0)
    #expect(trainer.loader.position == begun.loader.position)
  }
}

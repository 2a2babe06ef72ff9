import Foundation
import Testing
import WalshCheckpoints
import WalshModels
import WalshTensor
import WalshTraining

/// The number of threads belongs to the process, so these tests take turns.
@Suite("Interrupted training", .serialized)
struct ResumeTests {
  private struct Interrupted: Error {}

  /// Makes `steps` steps of a run and leaves it as a killed process would: without a word.
  private func interrupt(
    _ configuration: TrainingConfiguration, in folder: URL, after steps: Int,
    existing: FolderWriter.Existing = .refuse
  ) throws {
    var run = try TrainingRun(configuration, in: folder, existing: existing)
    // The last checkpoint stays behind the last step; what was learnt since is lost.
    while run.trainer.step < steps {
      _ = try run.advance()
    }
  }

  @Test("A run interrupted twice ends in the bytes of one that was not", arguments: ["fp32", "nvfp4", "adahop-lv2"])
  func sameBytes(recipe: String) throws {
    let fixture = try TrainingFixture()
    var configuration = fixture.configuration
    configuration.recipe = recipe
    configuration.accumulation = 2
    let threads = Parallel.workerCount
    defer { Parallel.workerCount = threads }

    Parallel.workerCount = 1
    var whole = try TrainingRun(configuration, in: fixture.output("whole"))
    try whole.run()
    #expect(whole.resumption == nil)

    Parallel.workerCount = 2
    let parts = fixture.output("parts")
    try interrupt(configuration, in: parts, after: 7)
    try interrupt(configuration, in: parts, after: 11, existing: .resume)
    var last = try TrainingRun(configuration, in: parts, existing: .resume)
    #expect(last.trainer.step == 10)
    let sentence = try #require(last.resumption)
    #expect(sentence.hasPrefix("resumed behind step 10 of 12: weights, optimiser, data order (epoch "))
    try last.run()

    #expect(last.history == whole.history)
    #expect(try fixture.contents(of: parts) == fixture.contents(of: fixture.output("whole")))
  }

  @Test("Blocks computed again in the backward pass give the same weights")
  func checkpointing() throws {
    let fixture = try TrainingFixture()
    var configuration = fixture.configuration
    configuration.model.layers = 2
    configuration.steps = 4
    var plain = try TrainingRun(configuration, in: fixture.output("plain"))
    try plain.run()
    configuration.gradientCheckpointing = true
    var checkpointed = try TrainingRun(configuration, in: fixture.output("checkpointed"))
    try checkpointed.run()
    #expect(plain.trainer.parameters == checkpointed.trainer.parameters)
  }

  @Test("A process that ends while it writes a checkpoint leaves the one before")
  func halfWritten() throws {
    let fixture = try TrainingFixture()
    let folder = fixture.output("run")
    try interrupt(fixture.configuration, in: folder, after: 5)
    let before = try fixture.contents(of: folder)
    // The state of the next checkpoint is there, its weights are not.
    let states = folder.appending(path: "training")
    try FileManager.default.copyItem(
      at: states.appending(path: "step-5.safetensors"), to: states.appending(path: "step-10.safetensors"))
    try Data("{".utf8).write(to: states.appending(path: "step-10.json"))
    try Data("half".utf8).write(to: folder.appending(path: ".model.safetensors.incomplete"))

    var run = try TrainingRun(fixture.configuration, in: folder, existing: .resume)
    #expect(run.trainer.step == 5)
    try run.run()
    #expect(before["model.safetensors"] != (try fixture.contents(of: folder))["model.safetensors"])
    var whole = try TrainingRun(fixture.configuration, in: fixture.output("whole"))
    try whole.run()
    #expect(run.trainer.parameters == whole.trainer.parameters)
  }

  @Test("The folder is a model from the first moment, and its state is gone when there is none")
  func folder() throws {
    let fixture = try TrainingFixture()
    let folder = fixture.output("run")
    let run = try TrainingRun(fixture.configuration, in: folder)
    let begun = try ModelFolder(folder)
    #expect(try begun.model().vocabularySize == begun.tokenizer().vocabularySize)
    #expect(try TrainingRun.configuration(of: folder) == nil)
    try interrupt(fixture.configuration, in: folder, after: 5, existing: .resume)
    #expect(try TrainingRun.configuration(of: folder) == run.configuration)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "training").path).sorted()
        == ["step-5.json", "step-5.safetensors"])
  }
}

import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshModels
import WalshTensor

@testable import WalshTraining

/// The number of threads belongs to the process, so these tests take turns.
@Suite("Training a Mamba", .serialized)
struct MambaTrainingTests {
  /// A Mamba of one block that learns the fixture's text by heart.
  private func configuration(_ fixture: TrainingFixture) -> TrainingConfiguration {
    var configuration = fixture.configuration
    configuration.model = ModelDimensions()
    configuration.model.architecture = .mamba
    configuration.model.layers = 1
    configuration.model.width = 32
    configuration.model.states = 4
    configuration.model.stepRank = 16
    configuration.model.vocabulary = 300
    return configuration
  }

  @Test(
    "It learns a repeated text by heart, in Float32 and in four bits", arguments: ["fp32", "nvfp4", "mxfp4"])
  func learning(recipe: String) throws {
    let fixture = try TrainingFixture()
    var configuration = configuration(fixture)
    configuration.recipe = recipe
    configuration.steps = 150
    var run = try TrainingRun(configuration, in: fixture.output("run"))
    try run.run()
    let first = try #require(run.history.entries.first)
    let last = try #require(run.history.entries.last)
    #expect(abs(first.loss - log(Double(run.trainer.architecture.vocabularySize))) < 0.1)
    #expect(last.loss < 0.5)
    #expect(try #require(last.validationLoss) < 0.5)
  }

  @Test("A run interrupted twice ends in the bytes of one that was not", arguments: ["fp32", "nvfp4"])
  func sameBytes(recipe: String) throws {
    let fixture = try TrainingFixture()
    var configuration = configuration(fixture)
    configuration.recipe = recipe
    configuration.accumulation = 2
    let threads = Parallel.workerCount
    defer { Parallel.workerCount = threads }
    Parallel.workerCount = 1
    var whole = try TrainingRun(configuration, in: fixture.output("whole"))
    try whole.run()

    Parallel.workerCount = 2
    let parts = fixture.output("parts")
    for (steps, existing) in [(7, FolderWriter.Existing.refuse), (11, .resume), (12, .resume)] {
      var run = try TrainingRun(configuration, in: parts, existing: existing)
      while run.trainer.step < steps { _ = try run.advance() }
    }
    #expect(try fixture.contents(of: parts) == fixture.contents(of: fixture.output("whole")))
  }

  @Test("A batch of texts has the loss and the gradients of its texts one by one")
  func batches() throws {
    let fixture = try TrainingFixture()
    var configuration = configuration(fixture)
    configuration.model.tie = false
    let trainer = try TrainingRun(configuration, in: fixture.output("run")).trainer
    let windows = trainer.loader.windows
    let together = try trainer.differentiate(DataLoader.Batch([0, 3, 5], of: windows), microBatch: 0)
    let parts = try [0, 3, 5].map { try trainer.differentiate(DataLoader.Batch([$0], of: windows), microBatch: 0) }
    #expect(abs(together.loss - parts.reduce(0) { $0 + $1.loss } / 3) < 1e-6)
    for (i, name) in trainer.architecture.parameters.map(\.name).enumerated() {
      let mean = parts.dropFirst().reduce(parts[0].gradients[i]) { $0 + $1.gradients[i] } * (1 / 3)
      #expect(relativeError(together.gradients[i], mean) < 1e-5, "\(name)")
    }
  }

  @Test("What was written computes what was trained, and says in config.json what it is")
  func written() throws {
    let fixture = try TrainingFixture()
    var run = try TrainingRun(configuration(fixture), in: fixture.output("run"))
    try run.run()
    let folder = try ModelFolder(run.folder)
    let c = try folder.configuration.mamba()
    #expect(c.stateSize == 4 && c.timeStepRank == 16 && c.intermediateSize == 64 && c.tiesEmbeddings)
    #expect(folder.architecture.contextLength == nil)
    // Where it is true, transformers divides the output projections of every model that it loads.
    #expect(folder.configuration.json["rescale_prenorm_residual"] == false)
    let model = try folder.model()
    let windows = run.trainer.loader.windows
    let losses = (0..<windows.count).flatMap { index in
      model.logits(for: windows[index].inputs).negativeLogLikelihood(of: windows[index].targets)
    }
    let expected = losses.reduce(0, +) / Double(losses.count)
    #expect(abs(try run.trainer.loss(on: windows) - expected) < 1e-5 * expected)
  }

  @Test("New weights are those of the paper")
  func initialization() throws {
    let fixture = try TrainingFixture()
    var configuration = configuration(fixture)
    configuration.model.layers = 4
    configuration.model.width = 128
    configuration.model.tie = false
    let trainer = try TrainingRun(configuration, in: fixture.output("run")).trainer
    for ((name, shape), weight) in zip(trainer.architecture.parameters, trainer.parameters) {
      let values = weight.values
      let bound: Float? =
        switch name.split(separator: ".").suffix(2).joined(separator: ".") {
        case "in_proj.weight": 1 / Float(128).squareRoot()
        case "x_proj.weight": 1 / Float(256).squareRoot()
        case "conv1d.weight": 0.5
        case "dt_proj.weight": 0.25
        case "out_proj.weight": 1 / Float(256 * 4).squareRoot()
        default: nil
        }
      if let bound {
        #expect(values.allSatisfy { abs($0) <= bound } && weight.maxMagnitude > 0.98 * bound, "\(name)")
        #expect(abs(weight.sumOfSquares / Double(weight.count) / Double(bound * bound) - 1.0 / 3) < 0.03, "\(name)")
      } else if name.hasSuffix("A_log") {
        #expect(values == (0..<weight.count).map { Float(log(Double($0 % shape[1] + 1))) })
      } else if name.hasSuffix("dt_proj.bias") {
        let steps = weight.softplus().values.map { log(Double($0)) }
        #expect(steps.allSatisfy { $0 > log(0.000_999) && $0 < log(0.1001) })
        // Log-uniform: the mean of the logarithm is in the middle.
        #expect(abs(steps.reduce(0, +) / Double(steps.count) - (log(0.001) + log(0.1)) / 2) < 0.3)
      } else if name.hasSuffix("conv1d.bias") {
        #expect(values.allSatisfy { $0 == 0 })
      } else if name.hasSuffix(".D") || name.contains("norm") {
        #expect(values.allSatisfy { $0 == 1 })
      } else {
        let deviation = (weight.sumOfSquares / Double(weight.count)).squareRoot()
        #expect(abs(deviation / 0.02 - 1) < 0.03, "\(name)")
      }
    }
  }

  @Test("A, D, norms, biases and embeddings do not decay, projections do")
  func decay() throws {
    let fixture = try TrainingFixture()
    let architecture = try TrainingRun(configuration(fixture), in: fixture.output("run")).trainer.architecture
    let decayed = architecture.parameters.map(\.name).filter { !ParameterGroup.undecayed.contains($0) }
    #expect(
      Set(decayed.map { $0.split(separator: ".").suffix(2).joined(separator: ".") }) == [
        "in_proj.weight", "conv1d.weight", "x_proj.weight", "dt_proj.weight", "out_proj.weight",
      ])
  }

  @Test("Sizes of the other architecture, and impossible ones, are one sentence")
  func sizes() throws {
    let fixture = try TrainingFixture()
    func message(_ change: (inout ModelDimensions) -> Void) -> String {
      var configuration = configuration(fixture)
      change(&configuration.model)
      let error = #expect(throws: TrainingError.self) { try configuration.check() }
      return error.map { "\($0)" } ?? ""
    }
    #expect(
      message { $0.heads = 2 } == "heads: a mamba has no such size; leave it out or choose another architecture.")
    #expect(message { $0.ropeTheta = 5 }.hasPrefix("rope-theta: a mamba has no such size"))
    #expect(
      message {
        $0.architecture = .llama
      } == "states: a llama has no such size; leave it out or choose another architecture.")
    #expect(message { $0.states = 300 } == "states 300: it must be a whole number from 1 to 256.")
    #expect(message { $0.taps = 0 } == "taps 0: it must be a whole number from 1 to 64.")
  }

  @Test("The settings read back")
  func settings() throws {
    let fixture = try TrainingFixture()
    var configuration = configuration(fixture)
    configuration.model.expand = 3
    configuration.model.taps = 2
    #expect(try TrainingConfiguration(yaml: configuration.yaml, named: "test") == configuration)
    #expect(
      configuration.settings[0].value
        == "{ architecture: mamba, layers: 1, width: 32, states: 4, expand: 3, taps: 2, step-rank: 16, "
        + "vocabulary: 300, tie: true }")
  }
}

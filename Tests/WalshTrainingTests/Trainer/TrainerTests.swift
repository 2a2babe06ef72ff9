import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshModels
import WalshTensor

@testable import WalshTraining

@Suite("Training")
struct TrainerTests {
  @Test("A model learns a repeated text by heart")
  func learning() throws {
    let fixture = try TrainingFixture()
    var configuration = fixture.configuration
    configuration.steps = 120
    var run = try TrainingRun(configuration, in: fixture.output("run"))
    try run.run()
    let entries = run.history.entries
    let first = try #require(entries.first)
    let last = try #require(entries.last)
    // The first loss is that of knowing nothing; what is left at the end is which animal and number come next.
    let tokens = Double(run.trainer.parameters[0].shape[0])
    #expect(abs(first.loss - log(tokens)) < 0.1)
    #expect(last.loss < 0.5)
    #expect(try #require(last.validationLoss) < 0.5)
    #expect(entries.map(\.step).prefix(4) == [1, 3, 6, 9])
    #expect(entries.filter { $0.validationLoss != nil }.map(\.step) == Array(stride(from: 6, through: 120, by: 6)))
  }

  @Test("The loss of what was written is the loss that training measured")
  func written() throws {
    let fixture = try TrainingFixture()
    var run = try TrainingRun(fixture.configuration, in: fixture.output("run"))
    try run.run()
    let model = try ModelFolder(run.folder).model()
    let windows = run.trainer.loader.windows
    let losses = (0..<windows.count).flatMap { index in
      model.logits(for: windows[index].inputs).negativeLogLikelihood(of: windows[index].targets)
    }
    let expected = losses.reduce(0, +) / Double(losses.count)
    #expect(abs(try run.trainer.loss(on: windows) - expected) < 1e-5 * expected)
  }

  @Test("A batch of texts has the loss and the gradients of its texts one by one")
  func batches() throws {
    let fixture = try TrainingFixture()
    var configuration = fixture.configuration
    configuration.model.keyHeads = 2
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

  @Test("New weights have the deviation that the paper gives them")
  func initialization() throws {
    let fixture = try TrainingFixture()
    var configuration = fixture.configuration
    configuration.model.layers = 4
    configuration.model.width = 128
    let trainer = try TrainingRun(configuration, in: fixture.output("run")).trainer
    for ((name, _), weight) in zip(trainer.architecture.parameters, trainer.parameters) {
      if name.hasSuffix("norm.weight") {
        #expect(weight.values.allSatisfy { $0 == 1 })
        continue
      }
      let isWriter = name.contains("o_proj") || name.contains("down_proj")
      let deviation = (weight.sumOfSquares / Double(weight.count)).squareRoot()
      // Four standard errors of the estimate.
      let tolerance = 4 / Double(2 * weight.count).squareRoot()
      #expect(abs(deviation / (isWriter ? 0.02 / 8.0.squareRoot() : 0.02) - 1) < tolerance, "\(name)")
    }
  }
}

import Foundation
import Testing
import WalshTraining

@Suite("Training configurations")
struct TrainingConfigurationTests {
  @Test("A configuration reads back from its own text")
  func roundTrip() throws {
    var configuration = TrainingConfiguration()
    configuration.model.heads = 8
    configuration.model.intermediate = 96
    configuration.model.tie = false
    configuration.text = ["it's a file.txt", "b.json"]
    configuration.tokenizer = "model"
    configuration.recipe = "nvfp4-no-rht"
    configuration.warmUp = 7
    configuration.schedule = .wsd
    configuration.optimizer.epsilon = 1e-7
    configuration.groups = [ParameterGroup(endings: [".bias"], learningRateFactor: 2), .undecayed]
    configuration.validation = .text("held.txt")
    configuration.validationInterval = 11
    configuration.gradientCheckpointing = true
    #expect(try TrainingConfiguration(yaml: configuration.yaml, named: "a") == configuration)
    configuration.validation = .share(0.05)
    #expect(try TrainingConfiguration(yaml: configuration.yaml, named: "a") == configuration)
  }

  @Test(
    "A wrong configuration is refused by a sentence with its key",
    arguments: [
      ("stepz: 3", "run.yaml, stepz: there is no such key; use model, text,"),
      ("model: { depth: 2 }", "run.yaml, model.depth: there is no such key; use layers,"),
      ("steps: 3\nsteps: 4", "steps"), ("steps: many", "run.yaml, steps: many is no whole number from 0."),
      ("steps: -1", "run.yaml, steps: -1 is no whole number from 0."),
      ("learning-rate: .nan", "run.yaml, learning-rate: .nan is no number."),
      ("schedule: square", "run.yaml, schedule: there is no square; use constant, linear, cosine, wsd."),
      ("gradient-checkpointing: maybe", "maybe is neither true nor false."),
      ("validation: { share: 0.1, text: a }", "run.yaml, validation: give one of text and share."),
      ("- a", "run.yaml: there must be keys with values here"), ("", "run.yaml: the configuration is empty"),
      ("a: [", "run.yaml: the configuration is not YAML"),
      ("text: &a [x]\ntokenizer: *a", "run.yaml: line 1 has an anchor or an alias"),
    ])
  func refusals(_ yaml: String, _ sentence: String) {
    let error = #expect(throws: TrainingError.self) { try TrainingConfiguration(yaml: yaml, named: "run.yaml") }
    #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("\n") == false)
  }
}

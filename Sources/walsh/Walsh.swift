import ArgumentParser

@main
struct Walsh: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "walsh",
    abstract: "Make language models small and keep them good.",
    discussion: """
      Walsh rotates and quantizes language models, measures what was lost, and runs the result. A MODEL is a Hugging \
      Face folder, or the id of a model in the local hub cache.

      Try it without a model of your own:
        walsh demo

      Quantize a model to MXFP4 behind Hadamard rotations, then talk to it:
        walsh quantize path/to/model --to MXFP4 --method rotation --calibration text.txt --output small
        walsh chat small
      """,
    version: "0.1.0",
    subcommands: [
      Demo.self, Quantize.self, Eval.self, Compare.self, StudyMethods.self, Inspect.self, Generate.self, Chat.self,
      Train.self, Runs.self, Bench.self, Formats.self, Outliers.self,
    ])
}

import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels

struct Eval: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how well a model predicts a text, or answers questions.",
    discussion: """
      The loss is the mean of −log p over the predicted tokens, in nats; the perplexity is its exponential. Both depend on \
      how the text is cut, so the protocol is part of the answer.

      Examples:
        walsh eval model --documents stories.json --limit 100 --context 256
        walsh eval model --text wikitext.txt --protocol gptq --context 2048 --json
        walsh eval model --questions piqa.test.json --limit 200
      """)

  @OptionGroup var model: ModelArgument
  @OptionGroup var text: TextOptions
  @Option(
    help: ArgumentHelp("Answer the multiple-choice questions of an instruction file instead.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var questions: String?
  @OptionGroup var activations: ActivationOptions
  @OptionGroup var options: RunOptions

  func validate() throws {
    if questions == nil {
      try text.require()
    } else if text.isGiven {
      throw ValidationError("Give a text or --questions FILE, not both.")
    }
  }

  func run() throws {
    let bar = options.start()
    let folder = try model.open()
    let encoding = TokenEncoding(try folder.tokenizer())
    if let questions {
      let all = try ChoiceQuestion.read(contentsOf: URL(filePath: questions))
      let result = try folder.model(activations: activations.precision(else: .float32)).answers(
        to: Array(all.prefix(text.limit ?? all.count)), encoding: encoding,
        context: text.context ?? folder.architecture.contextLength ?? .max, progress: bar.show)
      bar.clear()
      show(result)
    } else {
      let windows = try text.windows(encoding)
      let result = try folder.model(activations: activations.precision(else: .float32))
        .loss(on: windows, progress: bar.show)
      bar.clear()
      show(result)
    }
  }

  private func show(_ result: LossResult) {
    if options.json { return printJSON(result.json) }
    print("loss        \(result.loss.fixed(5))\(result.standardError.map { " ± \($0.fixed(5))" } ?? "")")
    print("perplexity  \(result.perplexity.fixed(4))")
    print("tokens      \(result.tokens)")
    print("protocol    \(result.scoring)")
  }

  private func show(_ result: MultipleChoiceResult) {
    if options.json { return printJSON(result.json) }
    print("questions           \(result.bySum.trials)")
    print("accuracy            \(result.bySum.percent)")
    print("accuracy by length  \(result.byLength.percent)")
  }
}

extension Proportion {
  /// The share with its 95 % interval, in percent.
  fileprivate var percent: String {
    "\((100 * value).fixed(1)) % (\((100 * interval.low).fixed(1)) to \((100 * interval.high).fixed(1)))"
  }
}

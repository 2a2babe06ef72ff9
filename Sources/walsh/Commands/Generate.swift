import ArgumentParser
import Foundation
import WalshModels

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue a text.",
    discussion: """
      Examples:
        walsh generate model --prompt "Once upon a time" --tokens 100
        walsh generate small --prompt "The sea" --temperature 0.8 --top-p 0.95 --seed 7
      """)

  @OptionGroup var model: ModelArgument
  @Option(help: "The text to continue; empty begins a new one.")
  var prompt = ""
  @OptionGroup var sampling: SamplingOptions
  @OptionGroup var activations: ActivationOptions
  @OptionGroup var options: RunOptions

  func run() throws {
    _ = options.start()
    let folder = try model.open()
    let tokenizer = try folder.tokenizer()
    var tokens = tokenizer.encode(prompt)
    if tokens.isEmpty, let begin = folder.beginToken(tokenizer) { tokens = [begin] }
    guard !tokens.isEmpty else {
      throw ValidationError("--prompt: this model has no begin token; give it a text to continue.")
    }
    let generator = TokenGenerator(
      model: try folder.model(activations: activations.precision(else: .int8)), prompt: tokens,
      sampler: sampling.sampler,
      endTokens: try folder.endTokens(tokenizer),
      limit: sampling.tokens)
    let start = Date()
    var decoder = tokenizer.streamingDecoder(skippingSpecialTokens: true)
    var written = ""
    var count = 0
    if !options.json { emit(prompt) }
    // The prompt goes through the decoder too: whether a space precedes the first word depends on what was before.
    for token in tokens { _ = decoder.append(token) }
    for token in generator {
      let piece = decoder.append(token)
      count += 1
      written += piece
      if !options.json { emit(piece) }
    }
    let rest = decoder.finish()
    written += rest
    let seconds = Date().timeIntervalSince(start)
    guard options.json else { return emit(rest + "\n") }
    printJSON([
      "prompt": .string(prompt), "text": .string(written), "tokens": .number(.init(count)),
      "tokensPerSecond": .number(.init(Double(count) / max(seconds, 1e-9))),
    ])
  }
}

/// Writes text to the standard output at once.
func emit(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshModels

struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talk to a model.",
    discussion: """
      Each line you type is a message; an empty line or Ctrl-D ends the conversation. The model needs a chat template, \
      which models made for conversation bring along.

      Example:
        walsh chat model --system "You answer in rhymes." --temperature 0.7
      """)

  @OptionGroup var model: ModelArgument
  @Option(help: "What the model is told before the conversation.")
  var system: String?
  @OptionGroup var sampling: SamplingOptions
  @OptionGroup var activations: ActivationOptions
  @OptionGroup var options: RunOptions

  func run() throws {
    _ = options.start()
    let folder = try model.open()
    guard let template = try folder.chatTemplate() else {
      throw CheckpointError(
        folder.checkpoint.folder, "it has no chat template, so it was not made for conversation; use walsh generate.")
    }
    let tokenizer = try folder.tokenizer()
    let languageModel = try folder.model(activations: activations.precision(else: .int8))
    let endTokens = try folder.endTokens(tokenizer)
    func text(of token: Int?) -> String { token.flatMap { tokenizer.token(of: $0) } ?? "" }

    var messages: [JSON] = system.map { [["role": "system", "content": .string($0)]] } ?? []
    while true {
      if isatty(STDIN_FILENO) == 1 { emit("> ") }
      guard let line = readLine(), !line.isEmpty else { return }
      messages.append(["role": "user", "content": .string(line)])
      let prompt = try template.render(
        messages: messages, addGenerationPrompt: true, bosToken: text(of: folder.beginToken(tokenizer)),
        eosToken: text(of: tokenizer.endOfTextID))
      var sampler = sampling.sampler
      sampler.seed &+= UInt64(messages.count)
      let generator = TokenGenerator(
        model: languageModel, prompt: tokenizer.encode(prompt, addingSpecialTokens: false), sampler: sampler,
        endTokens: endTokens, limit: sampling.tokens)
      var decoder = tokenizer.streamingDecoder(skippingSpecialTokens: true)
      var answer = ""
      for token in generator {
        let piece = decoder.append(token)
        answer += piece
        emit(piece)
      }
      answer += decoder.finish()
      emit("\n")
      messages.append(["role": "assistant", "content": .string(answer)])
    }
  }
}

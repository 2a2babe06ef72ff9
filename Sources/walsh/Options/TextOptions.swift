import ArgumentParser
import Foundation
import WalshEvaluation

/// The text that models are scored on, and the protocol.
struct TextOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Score documents: a JSON array of texts, each from its beginning.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var documents: String?

  @Option(help: ArgumentHelp("Score a text as one stream.", valueName: "file"), completion: .file())
  var text: String?

  @Option(
    name: .customLong("protocol"),
    help: ArgumentHelp(
      "How a text is cut: gptq or llama.cpp. Documents have a protocol of their own.", valueName: "name"))
  var protocolName: String?

  @Option(help: ArgumentHelp("The most tokens a model sees at once.", valueName: "tokens"))
  var context: Int?

  @Option(help: ArgumentHelp("Use the first documents only.", valueName: "count"))
  var limit: Int?

  func validate() throws {
    if documents != nil && text != nil {
      throw ValidationError("Give --documents FILE.json or --text FILE, not both.")
    }
    if let context, context < 4 { throw ValidationError("--context \(context): a window needs at least 4 tokens.") }
    if let limit, limit < 1 { throw ValidationError("--limit \(limit): at least one document is needed.") }
    _ = try scoring()
  }

  /// Whether a text is given.
  var isGiven: Bool { documents != nil || text != nil }

  /// Refuses a command without a text.
  func require() throws {
    if !isGiven { throw ValidationError("Give a text: --documents FILE.json or --text FILE.") }
  }

  /// The protocol that the options name.
  func scoring() throws -> ScoringProtocol {
    let name = protocolName ?? (documents == nil ? "gptq" : "documents")
    guard let scoring = ScoringProtocol(name: name, context: context) else {
      throw ValidationError(
        "--protocol \(name): there is no such protocol; use \(ScoringProtocol.names.joined(separator: ", ")).")
    }
    return scoring
  }

  /// The text cut into windows by `encoding`.
  func windows(_ encoding: TokenEncoding) throws -> ScoringWindows {
    let file = URL(filePath: documents ?? text ?? "")
    let whole = try EvaluationText(contentsOf: file)
    return try scoring().windows(of: limit.map { whole.prefix($0) } ?? whole, encoding: encoding)
  }
}

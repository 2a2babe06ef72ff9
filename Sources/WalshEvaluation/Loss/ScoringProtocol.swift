/// How a text is cut into windows and which of their tokens count: the part of a perplexity that two papers rarely share.
///
/// The loss is always Σ −log p(token | tokens before it in its window) over the scored tokens, divided by their number, in
/// nats; perplexity is its exponential.
public enum ScoringProtocol: Hashable, Sendable {
  /// Each document alone: the begin token and the document's tokens, cut at `context` tokens in all. Every token but the
  /// first is scored. Losses are summed over all documents and divided by all scored tokens, so a long document weighs
  /// more than a short one.
  case documents(context: Int)

  /// As the released code of GPTQ, SparseGPT, QuaRot, SpinQuant and FlatQuant: the documents joined by a blank line and
  /// tokenized once, with one begin token in front of it all; consecutive windows of `context` tokens without overlap,
  /// the rest dropped. Each window scores its tokens but the first (logits shifted by one), `context` − 1 of them.
  ///
  /// That code multiplies each window's mean by `context` and divides the sum by windows · `context`. As all windows
  /// score equally many tokens, this is the mean over scored tokens, which is computed here.
  case gptq(context: Int)

  /// As llama.cpp's `llama-perplexity`: the documents joined by a blank line and tokenized once, with one begin token in
  /// front; consecutive windows of `context` tokens without overlap, the rest dropped; the first token of each window
  /// replaced by the begin token. Only the second half is scored, whose tokens all see at least `context` / 2 others:
  /// tokens `context` / 2 + 1 to `context` − 1.
  case llamaCpp(context: Int)

  /// The names on the command line.
  public static let names = ["documents", "gptq", "llama.cpp"]

  /// The protocol called `name`; nil when there is none. The contexts their owners use are 2048 and 512; `documents` has
  /// no customary context and takes 2048.
  public init?(name: String, context: Int? = nil) {
    switch name {
    case "documents": self = .documents(context: context ?? 2048)
    case "gptq": self = .gptq(context: context ?? 2048)
    case "llama.cpp": self = .llamaCpp(context: context ?? 512)
    default: return nil
    }
  }

  /// The name on the command line.
  public var name: String {
    switch self {
    case .documents: "documents"
    case .gptq: "gptq"
    case .llamaCpp: "llama.cpp"
    }
  }

  /// The most tokens a model sees at once.
  public var context: Int {
    switch self {
    case .documents(let context), .gptq(let context), .llamaCpp(let context): context
    }
  }

  /// Cuts `text` into windows.
  ///
  /// - Throws: `EvaluationError` when the context is too short or the text does not fill one window; what the encoding
  ///   throws.
  public func windows(of text: EvaluationText, encoding: TokenEncoding) throws -> ScoringWindows {
    guard context >= 4 else {
      throw EvaluationError("context \(context)", "a window needs at least 4 tokens.")
    }
    let windows =
      switch self {
      case .documents(let context):
        try text.documents.map { document in
          let tokens = Array(try encoding.tokens(of: document).prefix(context))
          return ScoringWindow(tokens: tokens, scored: min(1, tokens.count)..<tokens.count)
        }.filter { !$0.scored.isEmpty }
      case .gptq(let context):
        try consecutive(context, of: text, encoding).map { ScoringWindow(tokens: $0, scored: 1..<context) }
      case .llamaCpp(let context):
        try consecutive(context, of: text, encoding).map { tokens in
          let begun = encoding.beginToken.map { [$0] + tokens.dropFirst() } ?? tokens
          return ScoringWindow(tokens: begun, scored: context / 2 + 1..<context)
        }
      }
    guard !windows.isEmpty else {
      throw EvaluationError(
        text.name, "it does not fill one window of the protocol \(self); give a longer text or a shorter context.")
    }
    return ScoringWindows(scoring: self, windows: windows)
  }

  private func consecutive(_ context: Int, of text: EvaluationText, _ encoding: TokenEncoding) throws -> [[Int]] {
    let tokens = try encoding.tokens(of: text.documents.joined(separator: "\n\n"))
    return (0..<tokens.count / context).map { Array(tokens[$0 * context..<($0 + 1) * context]) }
  }
}

extension ScoringProtocol: CustomStringConvertible {
  /// The name and the context, such as `gptq/2048`.
  public var description: String { "\(name)/\(context)" }
}

/// Consecutive tokens of a text, of which some are scored.
public struct ScoringWindow: Sendable, Equatable {
  /// What the model sees.
  public let tokens: [Int]
  /// The positions in `tokens` whose tokens are predicted from all before them in the window; never begins at 0 unless
  /// empty.
  public let scored: Range<Int>

  public init(tokens: [Int], scored: Range<Int>) {
    precondition(
      scored.isEmpty || scored.lowerBound > 0 && scored.upperBound <= tokens.count,
      "Positions \(scored) of \(tokens.count) tokens cannot be predicted.")
    self.tokens = tokens
    self.scored = scored
  }

  /// The tokens that are predicted.
  public var targets: [Int] { Array(tokens[scored]) }
  /// The tokens that predict them: all but what follows the last predictor.
  var inputs: [Int] { Array(tokens[..<(scored.upperBound - 1)]) }
  /// The rows of the logits of `inputs` that predict `targets`.
  var rows: Range<Int> { scored.lowerBound - 1..<scored.upperBound - 1 }
}

/// A text as a protocol cuts it; every model of a comparison is scored on the same windows.
public struct ScoringWindows: Sendable {
  /// The protocol.
  public let scoring: ScoringProtocol
  /// The windows in the order of the text; none scores nothing.
  public let windows: [ScoringWindow]

  /// The number of scored tokens.
  public var tokenCount: Int { windows.reduce(0) { $0 + $1.scored.count } }

  /// Refuses tokens that a model with `vocabularySize` logits does not know.
  func check(vocabularySize: Int) throws(EvaluationError) {
    for window in windows {
      for token in window.tokens where token < 0 || token >= vocabularySize {
        throw EvaluationError(
          "tokenizer",
          "it gives the token \(token) to a model of \(vocabularySize) tokens; use the model's own tokenizer.")
      }
    }
  }
}

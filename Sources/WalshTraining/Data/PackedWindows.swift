import WalshCheckpoints

/// Documents as one stream of tokens, cut into windows of one length.
///
/// Each document stands between the tokens that begin and end a text. Window i is the tokens i·T to i·T + T: it predicts T
/// tokens, and neighbours share one, so that every token but the first is predicted once. What does not fill the last
/// window is left out.
public struct PackedWindows: Sendable, Equatable {
  /// The stream.
  public let tokens: [Int32]
  /// T, how many tokens a window predicts.
  public let context: Int
  /// How many windows there are.
  public let count: Int
  private let first: Int

  /// Packs a stream.
  ///
  /// - Throws: `TrainingError` when the stream does not fill one window.
  public init(tokens: [Int32], context: Int) throws(TrainingError) {
    guard tokens.count > context else {
      throw TrainingError(
        "context \(context)",
        "the text has only \(tokens.count) tokens and a window needs \(context + 1); give more text or a shorter context."
      )
    }
    self.init(tokens: tokens, context: context, first: 0, count: (tokens.count - 1) / context)
  }

  private init(tokens: [Int32], context: Int, first: Int, count: Int) {
    self.tokens = tokens
    self.context = context
    self.first = first
    self.count = count
  }

  /// Packs documents with the tokens of `tokenizer`.
  ///
  /// - Throws: `TrainingError` when they do not fill one window.
  public init(_ text: TrainingText, tokenizer: Tokenizer, context: Int) throws(TrainingError) {
    var tokens: [Int32] = []
    for document in text.documents {
      if let begin = tokenizer.beginningOfTextID { tokens.append(Int32(begin)) }
      tokens += tokenizer.encode(document, addingSpecialTokens: false).map(Int32.init)
      if let end = tokenizer.endOfTextID { tokens.append(Int32(end)) }
    }
    try self.init(tokens: tokens, context: context)
  }

  /// Window `index`: T tokens, and the T that follow them one by one.
  public subscript(index: Int) -> (inputs: [Int], targets: [Int]) {
    precondition(index >= 0 && index < count, "There is no window \(index) of \(count).")
    let start = (first + index) * context
    let window = tokens[start...start + context].map(Int.init)
    return (Array(window.dropLast()), Array(window.dropFirst()))
  }

  /// The windows apart from the last, and the last, `share` of all but at least one, to be held out.
  ///
  /// - Throws: `TrainingError` when nothing would be left to learn from.
  public func split(heldOut share: Double) throws(TrainingError) -> (PackedWindows, PackedWindows) {
    let held = max(1, Int((share * Double(count)).rounded()))
    guard held < count else {
      throw TrainingError(
        "validation share \(share)",
        "the text fills \(count) windows of \(context) tokens, which leaves none to learn from; give more text.")
    }
    return (
      PackedWindows(tokens: tokens, context: context, first: first, count: count - held),
      PackedWindows(tokens: tokens, context: context, first: first + count - held, count: held)
    )
  }

  /// A checksum of the stream (FNV-1a, 64 bits, over little-endian tokens), which tells whether a run goes on with the
  /// text that it began with.
  public var checksum: UInt64 {
    tokens.withUnsafeBytes { $0.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 } }
  }
}

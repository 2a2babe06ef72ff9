/// Decodes ids as they come, giving out text as soon as it is complete and never part of a character.
///
/// All the text given out, `finish()` included, is ``Tokenizer/decode(_:skippingSpecialTokens:)`` of all
/// the ids, unless bytes that are no UTF-8 change the text before them in retrospect; then they appear as
/// U+FFFD after it.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skippingSpecialTokens: Bool
  /// The ids whose text was given out last: what follows may depend on them (a space, for one).
  private var context: [Int] = []
  /// The ids whose text is not complete.
  private var pending: [Int] = []

  /// So many ids without a complete text are no character any more.
  private static let mostPending = 32

  init(tokenizer: Tokenizer, skippingSpecialTokens: Bool) {
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
  }

  /// Takes the next id and returns the text that has become complete with it, often empty.
  ///
  /// Text that ends with U+FFFD waits, because further bytes may complete it; for at most 32 ids.
  public mutating func append(_ id: Int) -> String {
    if skippingSpecialTokens, tokenizer.isSpecial(id) { return "" }
    if tokenizer.token(of: id) == nil { return "" }
    pending.append(id)
    let text = pendingText()
    if text.unicodeScalars.last == "\u{FFFD}", pending.count < Self.mostPending { return "" }
    if text.utf8.isEmpty { return "" }
    context = pending
    pending = []
    return text
  }

  /// Returns the text still waiting; afterwards the decoder begins anew.
  public mutating func finish() -> String {
    let text = pending.isEmpty ? "" : pendingText()
    context = []
    pending = []
    return text
  }

  /// What the pending ids add to the text of the context.
  private func pendingText() -> String {
    let before = tokenizer.decode(context)
    let text = tokenizer.decode(context + pending)
    guard text.utf8.starts(with: before.utf8) else { return tokenizer.decode(pending) }
    return String(decoding: text.utf8.dropFirst(before.utf8.count), as: UTF8.self)
  }
}

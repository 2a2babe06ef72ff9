/// Texts of one length whose tokens are rows of channels, cut into chunks of tokens.
struct TextShape {
  /// How many texts there are, each of how many tokens, each of how many channels.
  let texts, tokens, channels: Int

  /// - Precondition: `x` has the shape `[tokens, channels]` or `[texts, tokens, channels]`.
  init(of x: Tensor) {
    precondition(
      x.rank == 2 || x.rank == 3,
      "Tokens have a shape [tokens, channels] or [texts, tokens, channels], not \(x.shape).")
    texts = x.rank == 3 ? x.shape[0] : 1
    tokens = x.shape[x.rank - 2]
    channels = x.columns
  }

  /// The tokens of a chunk, some 64 KiB of values.
  private var chunkTokens: Int { 1 + (1 << 14) / max(1, channels) }
  private var chunksPerText: Int { (tokens + chunkTokens - 1) / chunkTokens }
  /// The number of chunks of all texts.
  var chunkCount: Int { texts * chunksPerText }

  /// Calls `body`, on several threads, with the number of a chunk, that of the first value of its text, and its tokens.
  func forEachChunk(_ body: (_ chunk: Int, _ text: Int, _ tokens: Range<Int>) -> Void) {
    Parallel.forEach(chunkCount) { chunk in
      let start = chunk % chunksPerText * chunkTokens
      body(chunk, chunk / chunksPerText * tokens * channels, start..<min(tokens, start + chunkTokens))
    }
  }
}

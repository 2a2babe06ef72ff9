import WalshCheckpoints

extension TokenEncoding {
  /// The encoding of a model's own tokenizer. The begin token is the one that the tokenizer puts in front of every text by
  /// itself (`<s>` of Llama); a model whose tokenizer adds none (GPT-2, Qwen) is scored without.
  public init(_ tokenizer: Tokenizer) {
    // A token that is first with and without text is put in front; one that only ends texts is not.
    let first = tokenizer.encode("").first
    self.init(beginToken: first == tokenizer.encode("a").first ? first : nil) {
      tokenizer.encode($0, addingSpecialTokens: false)
    }
  }
}

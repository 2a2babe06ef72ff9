import WalshCheckpoints

extension TokenEncoding {
  /// The encoding of a model's own tokenizer. The begin token is the one that the tokenizer puts in front of a text by
  /// itself (`<s>` of Llama); a model whose tokenizer adds none (GPT-2, Qwen) is scored without.
  public init(_ tokenizer: Tokenizer) {
    self.init(beginToken: tokenizer.encode("").first) { tokenizer.encode($0, addingSpecialTokens: false) }
  }
}

import WalshTensor

/// What evaluation needs of a language model: the logits of every position of a text.
///
/// Position t predicts token t + 1 and depends on tokens 0...t only.
public protocol CausalModel {
  /// The number of logits.
  var vocabularySize: Int { get }

  /// The logits of every position, shape `[tokens.count, vocabularySize]`.
  ///
  /// - Parameter tokens: at least one, each below `vocabularySize`.
  func logits(for tokens: [Int]) -> Tensor
}

extension LanguageModel: CausalModel {}

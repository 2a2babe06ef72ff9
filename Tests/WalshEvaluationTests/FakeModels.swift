import WalshModels
import WalshTensor

/// Logits that depend on the last token alone: row t of the table follows token t.
struct TableModel: CausalModel {
  let table: Tensor

  var vocabularySize: Int { table.columns }
  func logits(for tokens: [Int]) -> Tensor { table.gatheringRows(tokens) }

  /// All tokens equally likely, whatever constant the logits share.
  static func uniform(vocabulary: Int, logit: Float = 0) -> TableModel {
    TableModel(table: Tensor(shape: [vocabulary, vocabulary], repeating: logit))
  }

  /// Random logits.
  static func random(vocabulary: Int, seed: UInt64) -> TableModel {
    TableModel(table: .normal([vocabulary, vocabulary], from: RandomStream(seed: seed, purpose: "table")))
  }
}

/// Predicts the sum of all tokens before, modulo the vocabulary, with the given confidence: sees the whole window.
struct SumModel: CausalModel {
  let vocabularySize: Int
  var confidence: Float = 30

  func logits(for tokens: [Int]) -> Tensor {
    var sum = 0
    return .stackingRows(
      tokens.map { token in
        sum = (sum + token) % vocabularySize
        var row = [Float](repeating: 0, count: vocabularySize)
        row[sum] = confidence
        return Tensor(row, shape: [1, vocabularySize])
      })
  }
}

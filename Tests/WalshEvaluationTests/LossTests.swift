import Foundation
import Testing
import WalshTensor

@testable import WalshEvaluation

@Suite("Loss")
struct LossTests {
  let windows = ScoringWindows(
    scoring: .documents(context: 8),
    windows: [
      ScoringWindow(tokens: [1, 4, 2, 0, 3], scored: 1..<5), ScoringWindow(tokens: [1, 3, 3], scored: 1..<3),
    ])

  @Test("A uniform model loses log V on every token, whatever its logits' offset", arguments: [Float(0), 700, -700])
  func uniform(logit: Float) throws {
    let result = try TableModel.uniform(vocabulary: 5, logit: logit).loss(on: windows)
    #expect(abs(result.loss - log(5)) < 1e-12)
    #expect(abs(result.perplexity - 5) < 1e-11)
    #expect(result.tokens == 6)
    #expect(result.standardError == 0)
  }

  @Test("The loss is the sum over all tokens divided by their number, not the mean of means")
  func weighting() throws {
    let model = TableModel.random(vocabulary: 5, seed: 1)
    let result = try model.loss(on: windows)
    var total = 0.0
    for (previous, next) in [(1, 4), (4, 2), (2, 0), (0, 3), (1, 3), (3, 3)] {
      let row = (0..<5).map { Double(model.table[previous, $0]) }
      total += log(row.reduce(0) { $0 + exp($1) }) - row[next]
    }
    #expect(abs(result.loss - total / 6) < 1e-6)
  }

  @Test("Each position is scored by the logits before it")
  func alignment() throws {
    let model = SumModel(vocabularySize: 7)
    // 1, 1, 2, 4, 8 mod 7 = 1, 2, 4 …: each token is the sum of all before it.
    let right = ScoringWindows(
      scoring: .documents(context: 6), windows: [ScoringWindow(tokens: [1, 1, 2, 4, 1, 2], scored: 1..<6)])
    #expect(try model.loss(on: right).loss < 1e-9)
    let wrong = ScoringWindows(
      scoring: .documents(context: 6), windows: [ScoringWindow(tokens: [1, 1, 2, 4, 1, 3], scored: 5..<6)])
    #expect(abs(try model.loss(on: wrong).loss - 30) < 1e-9)
  }

  @Test("Progress counts windows and ends complete")
  func progress() throws {
    var updates: [Int] = []
    _ = try TableModel.uniform(vocabulary: 5).loss(on: windows) { updates.append($0.done) }
    #expect(updates == [0, 1, 2])
  }

  @Test("A prediction that is not a number is an error, not a figure")
  func notANumber() throws {
    let broken = TableModel(table: Tensor(shape: [5, 5], repeating: .nan))
    #expect(throws: EvaluationError.self) { try broken.loss(on: windows) }
  }

  @Test("Tokens of another vocabulary are an error")
  func foreignTokens() throws {
    #expect(throws: EvaluationError.self) { try TableModel.uniform(vocabulary: 4).loss(on: windows) }
  }

  @Test("The JSON has the members the command line promises")
  func json() throws {
    let json = try TableModel.random(vocabulary: 5, seed: 2).loss(on: windows).json
    #expect(json.objectValue?.keys == ["loss", "perplexity", "tokens", "protocol", "standardError"])
    #expect(json["tokens"]?.intValue == 6)
    #expect(json["protocol"]?.stringValue == "documents/8")
    let loss = try #require(json["loss"]?.doubleValue)
    let perplexity = try #require(json["perplexity"]?.doubleValue)
    #expect(abs(exp(loss) - perplexity) < 1e-12 * perplexity)
  }
}

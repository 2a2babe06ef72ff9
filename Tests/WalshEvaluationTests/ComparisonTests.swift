import Foundation
import Testing
import WalshTensor

@testable import WalshEvaluation

@Suite("Comparison")
struct ComparisonTests {
  let base = TableModel.random(vocabulary: 11, seed: 5)
  let windows: ScoringWindows

  init() {
    let stream = RandomStream(seed: 9, purpose: "tokens")
    windows = ScoringWindows(
      scoring: .documents(context: 64),
      windows: (0..<20).map { index in
        let count = 8 + index
        let tokens = (0..<count).map { Int(stream.word(at: 100 * index + $0) % 11) }
        return ScoringWindow(tokens: tokens, scored: 1..<count)
      })
  }

  private func divergence(_ candidate: TableModel) throws -> Divergence {
    let comparison = try Comparison(
      base: NamedModel("base", base), candidates: [NamedModel("candidate", candidate)], on: windows)
    return try #require(comparison.rows[1].divergence)
  }

  @Test("A model does not differ from itself: KL 0, agreement 1, no difference of losses")
  func identical() throws {
    let same = try divergence(base)
    #expect(same.kl.value == 0)
    #expect(same.kl999 == 0)
    #expect(same.top1Agreement.value == 1)
    #expect(same.lossDifference.value == 0)
    #expect(same.kl.interval == ConfidenceInterval(low: 0, high: 0))
  }

  @Test("A constant added to the logits changes nothing")
  func shifted() throws {
    let shifted = try divergence(
      TableModel(table: Tensor(base.table.values.map { $0 + 16 }, shape: base.table.shape)))
    #expect(abs(shifted.kl.value) < 1e-6)
    #expect(shifted.top1Agreement.value == 1)
  }

  @Test("The figures equal the definitions, computed plainly")
  func definitions() throws {
    let other = TableModel.random(vocabulary: 11, seed: 6)
    let result = try divergence(other)
    var divergences: [Double] = []
    var agreements = 0
    var difference = 0.0
    for window in windows.windows {
      for (previous, next) in zip(window.tokens, window.tokens.dropFirst()) {
        let p = softmax(base.table, previous)
        let q = softmax(other.table, previous)
        divergences.append(zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) })
        if p.firstIndex(of: p.max() ?? 0) == q.firstIndex(of: q.max() ?? 0) { agreements += 1 }
        difference += log(p[next]) - log(q[next])
      }
    }
    let count = Double(divergences.count)
    #expect(abs(result.kl.value - divergences.reduce(0, +) / count) < 1e-9)
    #expect(abs(result.kl999 - quantile(0.999, ofSorted: divergences.sorted())) < 1e-9)
    #expect(abs(result.top1Agreement.value - Double(agreements) / count) < 1e-12)
    #expect(abs(result.lossDifference.value - difference / count) < 1e-6)
    #expect(result.kl.interval?.contains(result.kl.value) == true)
  }

  @Test("A token the candidate excludes makes the divergence infinite; one the base excludes does not matter")
  func excludedTokens() {
    let p = Tensor([0, 0, -.infinity], shape: [1, 3])
    let q = Tensor([0, 0, 0], shape: [1, 3])
    #expect(abs(rowDivergences(p, q)[0] - log(1.5)) < 1e-12)
    #expect(rowDivergences(q, p)[0] == .infinity)
  }

  @Test("All candidates are scored on the same windows, in the order given, as each alone would be")
  func severalCandidates() throws {
    let others = (1...2).map { TableModel.random(vocabulary: 11, seed: $0) }
    let comparison = try Comparison(
      base: NamedModel("base", base),
      candidates: [NamedModel("first", others[0]), NamedModel("second", others[1])], on: windows)
    #expect(comparison.rows.map(\.name) == ["base", "first", "second"])
    for (row, model) in zip(comparison.rows, [base] + others) {
      #expect(row.loss == (try model.loss(on: windows)))
    }
    #expect(comparison.rows[2].divergence == (try divergence(others[1])))
  }

  @Test("A model of another vocabulary is refused by name")
  func otherVocabulary() {
    let error = #expect(throws: EvaluationError.self) {
      try Comparison(
        base: NamedModel("base", base), candidates: [NamedModel("small", TableModel.uniform(vocabulary: 3))],
        on: windows)
    }
    #expect(error?.subject == "small")
  }

  @Test("Every row's JSON has the members the command line promises")
  func json() throws {
    var comparison = try Comparison(
      base: NamedModel("base", base), candidates: [NamedModel("other", TableModel.random(vocabulary: 11, seed: 1))],
      on: windows)
    comparison.rows[1].size = ModelSize(
      linearWeights: 1000, linearBytes: 531, parameters: 1200, tensorBytes: 1331, folderBytes: 2000)
    comparison.rows[1].decodeTokensPerSecond = 12.5
    let rows = try #require(comparison.json.arrayValue)
    for row in rows {
      for key in [
        "name", "loss", "perplexity", "klMean", "kl999", "top1Agreement", "bitsPerWeight", "bytes",
        "decodeTokensPerSecond",
      ] { #expect(row[key] != nil, "\(key)") }
    }
    #expect(rows[0]["klMean"]?.doubleValue == 0)
    #expect(rows[0]["bytes"]?.isNull == true)
    #expect(rows[1]["bytes"]?.intValue == 2000)
    #expect(rows[1]["bitsPerWeight"]?.doubleValue == 4.248)
    #expect(rows[1]["klMeanInterval"]?.arrayValue?.count == 2)
  }

  private func softmax(_ table: Tensor, _ row: Int) -> [Double] {
    let powers = (0..<table.columns).map { exp(Double(table[row, $0])) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }
}

import Foundation
import TestSupport
import Testing
import WalshTensor

@Suite("Rotary position embedding")
struct RotaryTests {
  private let table = RotaryTable(inverseFrequencies: [1, 0.3, 0.1, 0.01])

  private func rotated(_ x: Tensor, _ positions: [Int]) -> Tensor {
    var y = x
    table.apply(to: &y, positions: positions)
    return y
  }

  @Test("Position 0 changes nothing")
  func origin() {
    let x = normal([3, 16], "x")
    #expect(rotated(x, [0, 0, 0]) == x)
  }

  @Test("Every pair (i, i + d/2) is turned by position · frequency")
  func definition() {
    let x = normal([2, 16], "x")
    let y = rotated(x, [3, 50])
    for (row, position) in [3.0, 50.0].enumerated() {
      for head in 0..<2 {
        for (i, frequency) in [1.0, 0.3, 0.1, 0.01].enumerated() {
          let a = Double(x[row, head * 8 + i])
          let b = Double(x[row, head * 8 + 4 + i])
          let angle = position * frequency
          #expect(abs(Double(y[row, head * 8 + i]) - (a * cos(angle) - b * sin(angle))) <= 1e-5)
          #expect(abs(Double(y[row, head * 8 + 4 + i]) - (b * cos(angle) + a * sin(angle))) <= 1e-5)
        }
      }
    }
  }

  @Test("Lengths stay, and dot products depend on the distance alone")
  func relative() {
    let q = normal([1, 8], "q")
    let k = normal([1, 8], "k")
    #expect(abs(rotated(q, [1000]).sumOfSquares / q.sumOfSquares - 1) <= 1e-6)
    func product(_ i: Int, _ j: Int) -> Double { (rotated(q, [i]) * rotated(k, [j])).sum }
    #expect(abs(product(7, 2) - product(105, 100)) <= 1e-4)
    #expect(abs(product(7, 2) - product(7, 3)) > 1e-2)
  }

  @Test("The magnitude scales the result, and copies are left alone")
  func magnitude() {
    let x = normal([2, 8], "x")
    var scaled = x
    RotaryTable(inverseFrequencies: [1, 0.3, 0.1, 0.01], magnitude: 2).apply(to: &scaled, positions: 5..<7)
    #expect(scaled == rotated(x, [5, 6]) * 2)
    #expect(x == normal([2, 8], "x"))
  }
}

@Suite("Causal attention")
struct AttentionTests {
  /// Attention by the definition in Float64.
  private func reference(
    _ attention: CausalAttention, _ q: Tensor, _ k: Tensor, _ v: Tensor, start: Int
  ) -> [Double] {
    let d = q.columns / attention.heads
    var out = [Double](repeating: 0, count: q.count)
    for i in 0..<q.rowCount {
      let position = start + i
      let first = attention.window.map { max(0, position + 1 - $0) } ?? 0
      for head in 0..<attention.heads {
        let shared = head / (attention.heads / attention.keyHeads)
        let scores = (first...position).map { p in
          (0..<d).reduce(0.0) { $0 + Double(q[i, head * d + $1]) * Double(k[p, shared * d + $1]) }
            * Double(attention.scale)
        }
        let top = scores.max()!
        let weights = scores.map { exp($0 - top) }
        let total = weights.reduce(0, +)
        for (weight, p) in zip(weights, first...position) {
          for c in 0..<d { out[i * q.columns + head * d + c] += weight / total * Double(v[p, shared * d + c]) }
        }
      }
    }
    return out
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var heads = 4
    var keyHeads = 4
    var d = 8
    var tokens = 10
    var start = 0
    /// Positions in the cache beyond the last query, which nothing may read.
    var beyond = 0
    var window: Int?
    var testDescription: String {
      "\(heads)/\(keyHeads) heads of \(d), \(tokens) tokens at \(start), window \(window.map(String.init) ?? "none")"
    }
  }

  static let cases = [
    Case(), Case(heads: 1, keyHeads: 1, d: 1, tokens: 1), Case(keyHeads: 2),
    Case(heads: 9, keyHeads: 3, d: 5, tokens: 7),
    Case(keyHeads: 1, tokens: 130), Case(tokens: 65, start: 3), Case(tokens: 1, start: 40, beyond: 5),
    Case(tokens: 64, window: 6), Case(keyHeads: 2, tokens: 150, start: 20, beyond: 3, window: 17), Case(window: 1),
    Case(tokens: 5, start: 30, window: 100), Case(tokens: 1, start: 30, window: 4), Case(tokens: 0, start: 2),
  ]

  private func inputs(_ c: Case) -> (Tensor, Tensor, Tensor) {
    let positions = c.start + c.tokens + c.beyond
    return (
      normal([c.tokens, c.heads * c.d], "q"), normal([positions, c.keyHeads * c.d], "k"),
      normal([positions, c.keyHeads * c.d], "v")
    )
  }

  private func attention(_ c: Case) -> CausalAttention {
    CausalAttention(heads: c.heads, keyHeads: c.keyHeads, scale: 1 / Float(c.d).squareRoot(), window: c.window)
  }

  @Test("It agrees with the definition in Float64", arguments: cases)
  func definition(c: Case) {
    let (q, k, v) = inputs(c)
    let result = attention(c)(q, k, v, start: c.start)
    #expect(result.shape == [c.tokens, c.heads * c.d])
    let expected = reference(attention(c), q, k, v, start: c.start)
    #expect(relativeError(result.values.map(Double.init), expected) <= 5e-7)
  }

  @Test("It is the same with one worker and with two", arguments: cases)
  func workers(c: Case) {
    let (q, k, v) = inputs(c)
    let one = withWorkers(1) { attention(c)(q, k, v, start: c.start).bits }
    #expect(withWorkers(2) { attention(c)(q, k, v, start: c.start).bits } == one)
  }

  @Test("Token by token gives what all at once gives", arguments: [nil, 5] as [Int?])
  func incremental(window: Int?) {
    let c = Case(keyHeads: 2, tokens: 80, window: window)
    let (q, k, v) = inputs(c)
    let rows = (0..<80).map { attention(c)(q.rows($0..<$0 + 1), k.rows(0..<$0 + 1), v.rows(0..<$0 + 1), start: $0) }
    #expect(relativeError(Tensor.stackingRows(rows), attention(c)(q, k, v, start: 0)) <= 5e-7)
  }

  @Test("Later positions cannot be seen, however large")
  func causality() {
    let c = Case(tokens: 70)
    let (q, k, v) = inputs(c)
    var changed = (k, v)
    for column in 0..<k.columns {
      changed.0[69, column] = 1000
      changed.1[69, column] = -1000
    }
    let before = attention(c)(q, k, v, start: 0)
    let after = attention(c)(q, changed.0, changed.1, start: 0)
    #expect(after.rows(0..<69) == before.rows(0..<69))
    #expect(after.row(69) != before.row(69))
  }

  @Test("Shapes that do not fit and windows of nothing stop the program")
  func preconditions() async {
    await #expect(processExitsWith: .failure) { _ = CausalAttention(heads: 4, keyHeads: 3, scale: 1) }
    await #expect(processExitsWith: .failure) { _ = CausalAttention(heads: 4, keyHeads: 2, scale: 1, window: 0) }
    await #expect(processExitsWith: .failure) {
      let x = Tensor.zeros([3, 8])
      _ = CausalAttention(heads: 2, keyHeads: 2, scale: 1)(x, x, x, start: 1)
    }
  }
}

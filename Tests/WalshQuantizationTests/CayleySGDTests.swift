import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshTensor

@testable import WalshQuantization

@Suite("Cayley SGD")
struct CayleySGDTests {
  /// A step as `Tests/Oracles/spinquant_cayley.py` computed it with numpy.
  private struct Case: Decodable {
    let x: [[Double]]
    let gradient: [[Double]]
    let rate: Double
    let retracts: Bool
    /// Behind five iterations.
    let result: [[Double]]
    /// On Cayley's curve itself.
    let curve: [[Double]]
  }

  private let cases: [Case]

  init() throws {
    cases = try JSONDecoder().decode(
      [Case].self, from: Data(contentsOf: TestFiles.golden("spinquant/cayley.json")))
  }

  private func matrix(_ rows: [[Double]]) -> Matrix {
    Matrix(rows: rows.count, columns: rows[0].count, values: rows.flatMap(\.self))
  }

  @Test("Steps equal those of an independent program in Float64")
  func golden() {
    #expect(cases.count == 6)
    for step in cases {
      let found = CayleySGD().step(
        matrix(step.x), gradient: matrix(step.gradient), rate: step.rate, draw: step.retracts ? 0 : 1)
      #expect(relativeError(found.values, matrix(step.result).values) < 1e-13)
      // The fixed point has Cayley's curve for its limit.
      let exact = CayleySGD(iterations: 60).step(
        matrix(step.x), gradient: matrix(step.gradient), rate: step.rate, draw: step.retracts ? 0 : 1)
      #expect(relativeError(exact.values, matrix(step.curve).values) < 1e-12)
    }
  }

  /// The largest |(X·Xᵀ − I)[i, j]|.
  private func deviation(_ x: Matrix) -> Double {
    let gram = x * x.transposed
    return (0..<gram.rows).flatMap { i in (0..<gram.rows).map { abs(gram[i, $0] - (i == $0 ? 1 : 0)) } }.max() ?? 0
  }

  private func random(_ n: Int, _ purpose: String) -> Matrix { Matrix(normal([n, n], purpose)) }

  @Test("A hundred steps against random gradients stay among rotations, retracted or not")
  func orthogonality() {
    for retractionProbability in [0, 1.0 / 101, 1] {
      let optimizer = CayleySGD(retractionProbability: retractionProbability)
      let stream = RandomStream(seed: 3, purpose: "test/retraction")
      var x = random(16, "x").withOrthonormalRows
      for step in 0..<100 {
        let before = x
        x = optimizer.step(x, gradient: random(16, "g\(step)"), rate: 1.5, draw: stream.uniform64(at: step))
        #expect(relativeError(x.values, before.values) > 1e-3)
      }
      #expect(deviation(x) < (retractionProbability == 1 ? 1e-4 : 1e-2))
      #expect(deviation(x.withOrthonormalRows) < 1e-14)
    }
  }

  @Test("Steps go downhill to a rotation that is known")
  func descent() throws {
    // ‖X − Q‖² has the gradient 2(X − Q); Q is reached from any X with the same determinant.
    let start = random(8, "start").withOrthonormalRows
    let skew = random(8, "skew")
    let w = Matrix(rows: 8, columns: 8, values: zip(skew.values, skew.transposed.values).map { 0.3 * ($0 - $1) })
    let left = Matrix.identity(8) + Matrix(rows: 8, columns: 8, values: w.values.map { -0.5 * $0 })
    let target =
      try left.solve(Matrix.identity(8) + Matrix(rows: 8, columns: 8, values: w.values.map { 0.5 * $0 })) * start
    var x = start
    var distances: [Double] = []
    for _ in 0..<200 {
      distances.append(relativeError(x.values, target.values))
      let gradient = Matrix(rows: 8, columns: 8, values: zip(x.values, target.values).map { 2 * ($0 - $1) })
      x = CayleySGD().step(x, gradient: gradient, rate: 0.05)
    }
    #expect(zip(distances, distances.dropFirst()).allSatisfy { $1 < $0 || $0 < 1e-6 })
    #expect(distances[0] > 0.1 && distances[199] < 1e-4, "\(distances[199])")
  }

  @Test("Without a gradient a rotation stays where it is")
  func rest() {
    let x = random(8, "x").withOrthonormalRows
    #expect(relativeError(CayleySGD().step(x, gradient: .zeros(8, 8), rate: 1.5).values, x.values) < 1e-15)
  }
}

import Testing
import WalshTensor

@testable import WalshModels

@Suite("Sampling")
struct SamplerTests {
  private let logits = Tensor([1, 3, 2, 0, 3])

  @Test("Temperature 0 takes the most likely token, the first of equals")
  func greedy() { #expect(Sampler().token(from: logits, step: 7) == 1) }

  @Test("Equal seeds give equal draws, other seeds others")
  func seeds() {
    let flat = Tensor(shape: [100], repeating: 0)
    func draws(_ seed: UInt64) -> [Int] {
      (0..<20).map { Sampler(temperature: 1, seed: seed).token(from: flat, step: $0) }
    }
    #expect(draws(3) == draws(3))
    #expect(draws(3) != draws(4))
  }

  @Test("Top-k keeps the k most likely, ranked by index among equals")
  func topK() {
    #expect(Sampler(temperature: 1, topK: 3).candidates(logits).map(\.token) == [1, 4, 2])
    #expect(Sampler(temperature: 1, topK: 99).candidates(logits).count == 5)
  }

  @Test("Top-p keeps the fewest whose probabilities reach p, at least one")
  func topP() {
    // Probabilities relative to the top: 1, 1, e⁻¹, e⁻², e⁻³; the two first hold 0.79 of the mass.
    #expect(Sampler(temperature: 1, topP: 0.7).candidates(logits).map(\.token) == [1, 4])
    #expect(Sampler(temperature: 1, topP: 0.8).candidates(logits).map(\.token) == [1, 4, 2])
    #expect(Sampler(temperature: 1, topP: 0).candidates(logits).map(\.token) == [1])
  }

  @Test("Min-p keeps what is at least that probable relative to the top")
  func minP() { #expect(Sampler(temperature: 1, minP: 0.2).candidates(logits).map(\.token) == [1, 4, 2]) }

  @Test("Draws follow the softmax of the logits")
  func frequencies() {
    let two = Tensor([0, 1])
    let ones = (0..<4000).filter { Sampler(temperature: 0.5, seed: 1).token(from: two, step: $0) == 1 }.count
    // σ(2) = 0.8808, four standard errors.
    #expect(abs(Double(ones) / 4000 - 0.8808) < 4 * (0.8808 * 0.1192 / 4000).squareRoot())
  }
}

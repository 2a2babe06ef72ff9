import TestSupport
import Testing
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("SmoothQuant")
struct SmoothQuantTests {
  private func scales(
    _ activations: [Float], _ weights: [[Float]], strength: Double = 0.5,
    source: LinearGroup.Source = .norm(weight: "n")
  ) throws -> [Float] {
    var inputs = InputStatistics(width: activations.count)
    inputs.add(Tensor(activations, shape: [1, activations.count]))
    let group = LinearGroup(id: "g", role: "r", layers: ["a"], width: activations.count, source: source)
    let transform = SmoothingScales(strength: strength).transform(
      for: group, weights: weights.map { Tensor($0, shape: [1, $0.count]) }, inputs: inputs)
    return try #require(transform as? DiagonalTransform).scales
  }

  @Test("The paper's example: activations divided by √(max|X| / max|W|)")
  func example() throws {
    // Figure 5 of arXiv 2211.10438: max|X| = 2, 16, 2, 9 and max|W| = 2, 1, 2, 1 give s = 1, 4, 1, 3.
    let found = try scales([-2, 16, 2, 9], [[2, 1, -2, -1]])
    for (scale, s) in zip(found, [1, 4, 1, 3] as [Float]) { #expect(abs(scale - 1 / s) < 1e-7) }
  }

  @Test("The largest weight of all layers of the group counts")
  func layers() throws {
    #expect(try scales([4, 4], [[1, 0.5], [0.25, 4]]) == [0.5, 1])
  }

  @Test("Strength 0 looks at weights only, 1 at activations only")
  func strength() throws {
    #expect(try scales([4, 8], [[2, 0.5]], strength: 0) == [2, 0.5])
    #expect(try scales([4, 8], [[2, 0.5]], strength: 1) == [0.25, 0.125])
  }

  @Test("A channel of zeros on either side keeps its scale")
  func zeros() throws {
    #expect(try scales([0, 3, 4], [[1, 0, 1]]) == [1, 1, 0.5])
  }

  @Test("Heads that share a value head share their scales")
  func heads() throws {
    let source = LinearGroup.Source.valueHeads(producer: "v", heads: 4, keyHeads: 2, headSize: 1)
    // Heads 0 and 1 read value head 0: both take the larger maximum of each kind.
    #expect(try scales([4, 1, 1, 16], [[1, 1, 1, 1]], source: source) == [0.5, 0.5, 0.25, 0.25])
  }
}

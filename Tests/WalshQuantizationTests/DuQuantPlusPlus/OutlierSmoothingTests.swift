import Foundation
import TestSupport
import Testing
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("DuQuant's smoothing")
struct OutlierSmoothingTests {
  private func scales(
    _ activations: [Float], _ weights: [[Float]], _ smoothing: OutlierSmoothing, layers: [String] = ["q_proj"],
    source: LinearGroup.Source = .norm(weight: "n")
  ) -> [Double] {
    var inputs = InputStatistics(width: activations.count)
    inputs.add(Tensor(activations, shape: [1, activations.count]))
    let group = LinearGroup(id: "g", role: "r", layers: layers, width: activations.count, source: source)
    let weights = weights.map { Tensor($0, shape: [1, $0.count]) }
    return smoothing.transform(for: group, weights: weights, inputs: inputs).scales.map { 1 / Double($0) }
  }

  private func expectClose(_ found: [Double], _ expected: [Double], _ comment: Comment) {
    #expect(found.count == expected.count)
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-6 * b, comment) }
  }

  @Test("s is max|X|^α / max|W|^(1−α)")
  func formula() {
    expectClose(
      scales([-4, 32], [[2, 0.5]], OutlierSmoothing(strength: 0.6)),
      [pow(4, 0.6) / pow(2, 0.4), pow(32, 0.6) / pow(0.5, 0.4)], "α = 0.6")
  }

  @Test("Floors: 1e-5 under the maxima, 1e-2 under s")
  func floors() {
    expectClose(
      scales([0, 4, 1e-9], [[1, 0, 1e-9]], OutlierSmoothing(strength: 0.6)),
      [1e-2, pow(4, 0.6) / pow(1e-5, 0.4), pow(1e-5, 0.6) / pow(1e-5, 0.4)], "zeros")
    expectClose(scales([1e-3], [[100]], OutlierSmoothing(strength: 0.6)), [1e-2], "a small s")
  }

  @Test("One layer stands for the group, the queries' or the up projection; or all of them by name")
  func weights() {
    let activations: [Float] = [4, 4]
    let layers: [[Float]] = [[1, 2], [3, 0.5]]
    let all = [pow(4, 0.5) / pow(3, 0.5), pow(4, 0.5) / pow(2, 0.5)]
    for (names, counted) in [(["m.q_proj", "m.k_proj"], layers[0]), (["m.gate_proj", "m.up_proj"], layers[1])] {
      expectClose(
        scales(activations, layers, OutlierSmoothing(strength: 0.5), layers: names),
        counted.map { pow(4, 0.5) / pow(Double($0), 0.5) }, "representative")
      expectClose(
        scales(activations, layers, OutlierSmoothing(strength: 0.5, weights: .all), layers: names), all, "all")
    }
  }

  @Test("Query heads of one value head share their scales, so that the values absorb them")
  func heads() {
    let source = LinearGroup.Source.valueHeads(producer: "v", heads: 4, keyHeads: 2, headSize: 1)
    let found = scales([4, 1, 1, 16], [[1, 1, 4, 1]], OutlierSmoothing(strength: 0.5), source: source)
    expectClose(found, [2, 2, 2, 2], "tied")
    #expect(source.absorbed(DiagonalTransform(found.map { Float(1 / $0) })) != nil)
  }
}

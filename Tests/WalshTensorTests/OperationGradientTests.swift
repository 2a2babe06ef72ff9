import Foundation
import TestSupport
import Testing
import WalshTensor

@Suite("The gradient of every operation")
struct OperationGradientTests {
  /// Σ weight · output in Float64.
  private func weighted(_ output: Tensor, _ weight: Tensor) -> Double {
    zip(output.values, weight.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  /// Central differences at steps of 1/16 and 1/32, extrapolated to step zero (Richardson): the error is of order h⁴.
  private func differences(_ c: GradientCase, input: Int, weight: Tensor) -> [Double] {
    func slope(at position: Int, step: Float) -> Double {
      func value(_ step: Float) -> (at: Double, output: Double) {
        var inputs = c.inputs
        var moved = inputs[input].values
        moved[position] += step
        inputs[input] = Tensor(moved, shape: inputs[input].shape)
        return (Double(moved[position]), weighted(c.operation(inputs), weight))
      }
      let (above, below) = (value(step), value(-step))
      return (above.output - below.output) / (above.at - below.at)
    }
    return (0..<c.inputs[input].count).map { (4 * slope(at: $0, step: 1 / 32) - slope(at: $0, step: 1 / 16)) / 3 }
  }

  @Test("It agrees with central differences to 1e-4", arguments: GradientCase.all)
  func agreesWithDifferences(c: GradientCase) {
    let tracked = c.inputs.map { $0.tracked() }
    let output = c.operation(tracked)
    let weight = normal(output.shape, "weight")
    let gradients = output.gradients(of: tracked, seed: weight)
    for (i, gradient) in gradients.enumerated() {
      #expect(!gradient.isTracked && gradient.shape == c.inputs[i].shape)
      let expected = differences(c, input: i, weight: weight)
      #expect(expected.contains { $0 != 0 }, "input \(i) does nothing")
      #expect(relativeError(gradient.values.map(Double.init), expected) < 1e-4, "input \(i)")
    }
  }

  @Test(
    "Recording leaves the result's bits alone, and each input alone gets the same gradient",
    arguments: GradientCase.all)
  func recordingChangesNothing(c: GradientCase) {
    let plain = c.operation(c.inputs)
    #expect(!plain.isTracked)
    let tracked = c.inputs.map { $0.tracked() }
    let output = c.operation(tracked)
    #expect(output.isTracked && output.shape == plain.shape && output.bits == plain.bits)
    let weight = normal(output.shape, "weight")
    let together = output.gradients(of: tracked, seed: weight)
    for i in c.inputs.indices {
      var inputs = c.inputs
      inputs[i] = tracked[i]
      let alone = c.operation(inputs).gradients(of: [tracked[i]], seed: weight)
      #expect(alone[0].bits == together[i].bits, "input \(i)")
    }
  }

  @Test("Gradients are the same bits with one worker and with two")
  func workers() {
    func gradients() -> [[UInt32]] {
      let x = normal([200, 64], "x").tracked()
      let w = normal([700, 64], "w").tracked()
      let q = x.matmulTransposed(w).columns(0..<128)
      let mixed = CausalAttention(heads: 8, keyHeads: 4, scale: 0.25)(
        q, q.columns(0..<64), q.columns(64..<128), start: 0)
      let loss = mixed.crossEntropy(of: (0..<200).map { $0 % 128 })
      return loss.gradients(of: [x, w]).map(\.bits)
    }
    let one = withWorkers(1, gradients)
    #expect(withWorkers(2, gradients) == one)
  }

  @Test("Every function that returns a tensor is in the table, or known to have no gradient")
  func tableIsComplete() throws {
    // Constructors, and what refuses tracked tensors (see `GraphTests`).
    let exempt: Set = ["zeros", "identity", "map", "combined", "roundedToBFloat16", "inBlocks"]
    let sources = TestFiles.root.appending(path: "Sources/WalshTensor")
    let folder = sources.appending(path: "Operations")
    let files =
      try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      + [sources.appending(path: "Tensor.swift")]
    let declaration = /public (?:static )?(?:prefix )?func ([^\s(<]+)[^{]*?-> Tensor\b/
    var declared: [String: Int] = [:]
    for file in files {
      for match in try String(contentsOf: file, encoding: .utf8).matches(of: declaration) {
        declared[String(match.1), default: 0] += 1
      }
    }
    #expect(declared.count > 40)
    let covered = Dictionary(grouping: GradientCase.all, by: \.name).mapValues(\.count)
    for (name, count) in declared where !exempt.contains(name) {
      #expect(covered[name, default: 0] >= count, "\(name) is declared \(count) times")
    }
  }
}

@Suite("Gradients where a choice was made")
struct SubgradientTests {
  private func gradient(_ x: [Float], _ f: (Tensor) -> Tensor) -> [Float] {
    let x = Tensor(x).tracked()
    return f(x).summed().gradients(of: [x])[0].values
  }

  @Test("Kinks: relu and |x| have slope 0 at 0, clamping slope 1 at its ends, equal values share a minimum")
  func kinks() {
    #expect(gradient([-1, 0, 1]) { $0.relu() } == [0, 0, 1])
    #expect(gradient([-1, 0, 1]) { $0.magnitude() } == [-1, 0, 1])
    #expect(gradient([-2, -1, 0, 1, 2]) { $0.clamped(to: -1...1) } == [0, 1, 1, 1, 0])
    let other = Tensor([1, 1, 1])
    #expect(gradient([0, 1, 2]) { Tensor.minimum($0, other) } == [1, 0.5, 0])
    #expect(gradient([0, 1, 2]) { Tensor.maximum(other, $0) } == [0, 0.5, 1])
  }

  @Test("Extremes of rows go to the first of equals; clamped rows pass the rest to their bounds")
  func rows() {
    #expect(gradient([1, 3, 3, 0, 0]) { $0.rowMaxima() } == [0, 1, 0, 0, 0])
    #expect(gradient([1, 3, 3, 0, 0]) { $0.rowMinima() } == [0, 0, 0, 1, 0])
    let low = Tensor([-1]).tracked()
    let high = Tensor([2]).tracked()
    let x = Tensor([-3, -1, 0, 2, 5, 6], shape: [1, 6])
    let found = x.clampingRows(from: low, to: high).summed().gradients(of: [low, high])
    #expect(found.map(\.values) == [[1], [2]])
    #expect(
      gradient([-3, -1, 0, 2, 5, 6]) { $0.clampingRows(from: low.detached(), to: high.detached()) } == [
        0, 1, 1, 1, 0, 0,
      ])
  }

  @Test("Saturated activations stay finite")
  func saturation() {
    for f: @Sendable (Tensor) -> Tensor in [
      { $0.silu() }, { $0.gelu() }, { $0.geluTanh() }, { $0.quickGelu() }, { $0.softplus() },
    ] {
      let found = gradient([-200, -90, 90, 200], f)
      #expect(abs(found[0]) < 1e-6 && abs(found[1]) < 1e-6 && found[2] == 1 && found[3] == 1)
    }
    #expect(gradient([-200, 200]) { $0.sigmoid() } == [0, 0])
    #expect(gradient([-200, 200]) { $0.tanh() } == [0, 0])
  }
}

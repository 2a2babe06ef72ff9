import CKernels
import TestSupport
import Testing
import WalshTensor

@Suite("Causal convolution")
struct CausalConvolutionTests {
  /// The definition in Float64, with rows before the first from `past`.
  private func definition(_ x: Tensor, _ w: Tensor, _ b: Tensor?, past: Tensor? = nil) -> [Double] {
    let (tokens, channels, taps) = (x.rowCount, x.columns, w.rowCount)
    var y: [Double] = []
    for t in 0..<tokens {
      for e in 0..<channels {
        var sum = Double(b?.values[e] ?? 0)
        for k in 0..<taps {
          let source = t - taps + 1 + k
          let value = source >= 0 ? x[source, e] : past?[source + taps - 1, e] ?? 0
          sum += Double(w[k, e]) * Double(value)
        }
        y.append(sum)
      }
    }
    return y
  }

  @Test(
    "It agrees with the definition, texts shorter than the taps too",
    arguments: [(1, 1, 1), (2, 3, 4), (5, 17, 4), (4, 33, 1), (40, 600, 4), (3, 5, 8)])
  func definition(tokens: Int, channels: Int, taps: Int) {
    let (x, w, b) = (normal([tokens, channels], "x"), normal([taps, channels], "w"), normal([channels], "b"))
    let past = normal([taps - 1, channels], "past")
    for bias in [b, nil] {
      let y = x.causalConvolution(weight: w, bias: bias)
      #expect(relativeError(y.values.map(Double.init), definition(x, w, bias)) < 1e-6)
      let continued = x.causalConvolution(weight: w, bias: bias, past: past)
      #expect(relativeError(continued.values.map(Double.init), definition(x, w, bias, past: past)) < 1e-6)
    }
  }

  @Test("A text goes on from its last rows, and texts do not see each other")
  func parts() {
    let (x, w, b) = (normal([12, 20], "x"), normal([4, 20], "w"), normal([20], "b"))
    let whole = x.causalConvolution(weight: w, bias: b)
    #expect(x.rows(5..<12).causalConvolution(weight: w, bias: b, past: x.rows(2..<5)) == whole.rows(5..<12))
    let texts = Tensor.stackingRows([x, x]).reshaped(to: [2, 12, 20]).causalConvolution(weight: w, bias: b)
    #expect(texts.row(0) == whole && texts.row(1) == whole)
  }

  @Test("Results and gradients are the same bits for every instruction set, with one worker and with two")
  func bits() {
    let (x, w, b) = (normal([2, 50, 700], "x"), normal([4, 700], "w"), normal([700], "b"))
    func all() -> [[UInt32]] {
      let inputs = [x, w, b].map { $0.tracked() }
      let y = inputs[0].causalConvolution(weight: inputs[1], bias: inputs[2])
      return [y.bits] + y.gradients(of: inputs, seed: x).map(\.bits)
    }
    let expected = withWorkers(1, all)
    for isa in InstructionSet.available {
      let found = withWorkers(2) {
        let best = InstructionSet.best
        InstructionSet.best = isa
        defer { InstructionSet.best = best }
        return all()
      }
      #expect(found == expected, "\(isa)")
    }
  }
}

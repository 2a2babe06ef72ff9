import Foundation
import TestSupport
import Testing
import WalshTensor

@Suite("Norms, softmax and losses")
struct NormalizationTests {
  /// log Σ exp of a row in Float64.
  private func logSumExp(_ row: [Float]) -> Double {
    let top = Double(row.max()!)
    return top + log(row.reduce(0) { $0 + exp(Double($1) - top) })
  }

  @Test("The RMS norm agrees with Float64", arguments: [1, 5, 8, 63, 1024])
  func rmsNorm(columns: Int) {
    let x = normal([4, columns], "x") * 3
    let weight = normal([columns], "weight")
    let epsilon = 1e-5
    let expected = (0..<4).flatMap { r in
      let row = x.row(r).values.map(Double.init)
      let mean = row.reduce(0) { $0 + $1 * $1 } / Double(columns)
      return (0..<columns).map { row[$0] / (mean + Double(Float(epsilon))).squareRoot() * Double(weight[$0]) }
    }
    let result = x.rmsNorm(weight: weight, epsilon: Float(epsilon))
    #expect(relativeError(result.values.map(Double.init), expected) <= 2e-7)
  }

  @Test(
    "The RMS norm survives what overflows Float32, keeps zero rows and empty tensors, and passes NaN on within its row"
  )
  func rmsNormExtremes() {
    let ones = Tensor([1, 1])
    #expect(
      Tensor([1e30, 1e30], shape: [1, 2]).rmsNorm(weight: ones, epsilon: 0) == Tensor([1, 1], shape: [1, 2]))
    #expect(Tensor.zeros([1, 2]).rmsNorm(weight: ones, epsilon: 1e-6) == Tensor.zeros([1, 2]))
    #expect(Tensor.zeros([0, 2]).rmsNorm(weight: ones, epsilon: 1e-6).shape == [0, 2])
    #expect(Tensor.zeros([3, 0]).rmsNorm(weight: Tensor([]), epsilon: 1e-6).shape == [3, 0])
    let mixed = Tensor([1, .nan, 1, 1], shape: [2, 2]).rmsNorm(weight: ones, epsilon: 0)
    #expect(mixed[0, 0].isNaN && mixed[1, 0] == 1)
  }

  @Test("Softmax, its logarithm and the loss agree with Float64", arguments: [1, 2, 7, 16, 17, 64, 1000])
  func softmax(columns: Int) {
    let x = normal([5, columns], "x") * 4
    let shifts = (0..<5).map { logSumExp(x.row($0).values) }
    let logarithms = (0..<5).flatMap { r in x.row(r).values.map { Double($0) - shifts[r] } }
    #expect(relativeError(x.softmax().values.map(Double.init), logarithms.map { exp($0) }) <= 3e-7)
    #expect(zip(x.logSoftmax().values, logarithms).allSatisfy { abs(Double($0) - $1) <= 2e-6 })
    for (r, row) in (0..<5).map({ x.softmax().row($0) }).enumerated() {
      #expect(abs(row.sum - 1) <= 1e-6, "row \(r)")
    }
    let targets = (0..<5).map { $0 * 3 % columns }
    let losses = x.negativeLogLikelihood(of: targets)
    for r in 0..<5 { #expect(abs(losses[r] + logarithms[r * columns + targets[r]]) <= 4e-7) }
  }

  @Test("Each exponential is right to 3 units in the last place, from 0 down to where it underflows")
  func exponential() {
    for step in 0...2080 {
      let x = -Float(step) * 0.05
      let y = Double(Tensor([0, x], shape: [1, 2]).softmax()[0, 1])
      let expected = exp(Double(x)) / (1 + exp(Double(x)))
      #expect(abs(y - expected) <= 3 * 0x1p-23 * expected + 0x1p-149, "at \(x)")
    }
    #expect(Tensor([0, -105], shape: [1, 2]).softmax()[0, 1] == 0)
    #expect(Tensor([0, -.infinity], shape: [1, 2]).softmax().values == [1, 0])
  }

  @Test("Large logits do not overflow, and a constant added to a row changes nothing")
  func shifts() {
    #expect(Tensor([1e30, 1e30], shape: [1, 2]).softmax().values == [0.5, 0.5])
    let x = Tensor([1, 2, 4, 8], shape: [1, 4])
    #expect(x.softmax() == x.map { $0 + 1024 }.softmax())
    #expect(abs(Tensor([1000, 0], shape: [1, 2]).negativeLogLikelihood(of: [1])[0] - 1000) <= 1e-9)
  }

  @Test("NaN, +∞ and rows of −∞ alone give NaN, in their own row only; empty tensors stay empty")
  func nonFinite() {
    for bad: [Float] in [[.nan, 1], [1, .nan], [.infinity, 0], [-.infinity, -.infinity]] {
      let x = Tensor(bad + [0, 0], shape: [2, 2])
      #expect(x.softmax().row(0).isAllNaN, "\(bad)")
      #expect(x.softmax().row(1).values == [0.5, 0.5])
      #expect(x.logSoftmax().row(0).isAllNaN, "\(bad)")
      let losses = x.negativeLogLikelihood(of: [0, 0])
      #expect(losses[0].isNaN && abs(losses[1] - log(2)) <= 1e-7)
    }
    #expect(Tensor.zeros([0, 3]).softmax().shape == [0, 3])
    #expect(Tensor.zeros([2, 0]).softmax().shape == [2, 0])
    #expect(Tensor.zeros([2, 0]).logSoftmax().shape == [2, 0])
  }

  @Test("Losses do not depend on the number of workers")
  func workers() {
    let x = normal([100, 50], "x")
    let targets = (0..<100).map { $0 % 50 }
    let one = withWorkers(1) { x.negativeLogLikelihood(of: targets) }
    #expect(withWorkers(2) { x.negativeLogLikelihood(of: targets) } == one)
  }
}

import CKernels
import Foundation
import TestSupport
import Testing
import WalshTensor

/// The operands of a scan, and the definition in Float64.
private struct ScanCase {
  let x, steps, b, c: Tensor
  let scan: SelectiveScan

  /// - Parameter logStep: the mean of log Δ, whose standard deviation is 1.
  init(tokens: Int, channels: Int, states: Int, texts: Int? = nil, logStep: Float = -2) {
    let leading = (texts.map { [$0] } ?? []) + [tokens]
    x = normal(leading + [channels], "x")
    steps = (normal(leading + [channels], "steps") + logStep).exp()
    b = normal(leading + [states], "b")
    c = normal(leading + [states], "c")
    scan = SelectiveScan(decay: -(normal([states, channels], "decay").exp()), skip: normal([channels], "skip"))
  }

  func callAsFunction() -> Tensor { scan(x, steps: steps, b: b, c: c) }

  var zeroState: Tensor { .zeros([scan.states, scan.channels]) }

  /// y and the last state of one text by the definition, from a state of zero.
  func definition() -> (y: [Double], state: [Double]) {
    let (tokens, channels, states) = (x.rowCount, scan.channels, scan.states)
    let (x, steps, b, c) = (x.values, steps.values, b.values, c.values)
    let (decay, skip) = (scan.decay.values, scan.skip.values)
    var y = [Double](repeating: 0, count: tokens * channels)
    var s = [Double](repeating: 0, count: states * channels)
    for t in 0..<tokens {
      for e in 0..<channels {
        let (step, input) = (Double(steps[t * channels + e]), Double(x[t * channels + e]))
        var sum = Double(skip[e]) * input
        for n in 0..<states {
          let i = n * channels + e
          s[i] = exp(step * Double(decay[i])) * s[i] + step * input * Double(b[t * states + n])
          sum += Double(c[t * states + n]) * s[i]
        }
        y[t * channels + e] = sum
      }
    }
    return (y, s)
  }
}

@Suite("Selective scan")
struct SelectiveScanTests {
  /// Sizes around the sixteen channels of a vector, the 32 tokens of an interval and the 64 channels of a strip.
  static let sizes = [
    (1, 1, 1), (3, 5, 4), (33, 16, 16), (64, 15, 3), (31, 17, 2), (40, 64, 8), (5, 65, 1), (70, 150, 16), (2, 3, 256),
  ]

  @Test("It agrees with the definition in Float64, and so does its last state", arguments: sizes)
  func definition(tokens: Int, channels: Int, states: Int) {
    let c = ScanCase(tokens: tokens, channels: channels, states: states)
    let expected = c.definition()
    #expect(relativeError(c().values.map(Double.init), expected.y) < 2e-6)
    var state = c.zeroState
    #expect(c.scan(c.x, steps: c.steps, b: c.b, c: c.c, state: &state) == c())
    #expect(relativeError(state.values.map(Double.init), expected.state) < 2e-6)
  }

  /// y, the last state and the states between intervals of a kernel or of the scalar reference.
  private func run(
    _ c: ScanCase, state start: Tensor,
    _ kernel: (
      walsh_scan, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>,
      UnsafeMutablePointer<Float>
    ) -> Void
  ) -> [[UInt32]] {
    let (channels, states, tokens) = (c.scan.channels, c.scan.states, c.x.rowCount)
    var (y, state) = (Tensor.zeros(c.x.shape), start)
    var boundaries = Tensor.zeros([(tokens + 6) / 7, states, channels])
    let (decay, skip) = (c.scan.decay.values, c.scan.skip.values)
    let (x, steps, b, cc) = (c.x.values, c.steps.values, c.b.values, c.c.values)
    x.withUnsafeBufferPointer { x in
      steps.withUnsafeBufferPointer { steps in
        b.withUnsafeBufferPointer { b in
          cc.withUnsafeBufferPointer { cc in
            decay.withUnsafeBufferPointer { decay in
              skip.withUnsafeBufferPointer { skip in
                let scan = walsh_scan(
                  x: x.baseAddress, steps: steps.baseAddress, decay: decay.baseAddress, b: b.baseAddress,
                  c: cc.baseAddress, skip: skip.baseAddress, tokens: tokens, channels: channels, states: states)
                y.withUnsafeMutableBufferPointer { y in
                  state.withUnsafeMutableBufferPointer { state in
                    boundaries.withUnsafeMutableBufferPointer { boundaries in
                      kernel(scan, state.baseAddress!, y.baseAddress!, boundaries.baseAddress!)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    return [y.bits, state.bits, boundaries.bits]
  }

  private func expectReference(_ c: ScanCase, state: Tensor, _ isa: InstructionSet, _ note: String) {
    let channels = c.scan.channels
    let expected = run(c, state: state) { scan, state, y, boundaries in
      withUnsafePointer(to: scan) { walsh_selective_scan_reference($0, 0, channels, state, y, boundaries, 7) }
    }
    let found = run(c, state: state) { scan, state, y, boundaries in
      withUnsafePointer(to: scan) { scan in
        // Two calls, neither of whole vectors.
        let half = channels / 2
        walsh_selective_scan(isa.rawValue, scan, 0, half, state, y, boundaries, 7)
        walsh_selective_scan(isa.rawValue, scan, half, channels - half, state, y, boundaries, 7)
      }
    }
    #expect(found == expected, "\(note)")
  }

  @Test("Every instruction set gives the bits of the scalar reference", arguments: InstructionSet.available, sizes)
  func reference(isa: InstructionSet, size: (Int, Int, Int)) {
    let c = ScanCase(tokens: size.0, channels: size.1, states: size.2)
    expectReference(c, state: normal([size.2, size.1], "state"), isa, "\(size)")
  }

  @Test(
    "So it does for steps of zero and beyond every bound, and for infinities", arguments: InstructionSet.available)
  func adversary(isa: InstructionSet) {
    let c = ScanCase(tokens: 24, channels: 21, states: 3)
    for (i, special) in [Float(0), .leastNonzeroMagnitude, 1e4, 1e38, .infinity, -3, -1e30].enumerated() {
      var steps = c.steps
      for j in stride(from: i, to: steps.count, by: 5) { steps.withUnsafeMutableBufferPointer { $0[j] = special } }
      let changed = ScanCase(c, steps: steps)
      // NaN has many bits, which the arithmetic of vectors may choose differently: compare numbers, and where there are none.
      func numbers(_ bits: [[UInt32]]) -> [[UInt32]] { bits.map { $0.map { Float(bitPattern: $0).isNaN ? 1 : $0 } } }
      let channels = c.scan.channels
      let expected = run(changed, state: c.zeroState) { scan, state, y, boundaries in
        withUnsafePointer(to: scan) { walsh_selective_scan_reference($0, 0, channels, state, y, boundaries, 7) }
      }
      let found = run(changed, state: c.zeroState) { scan, state, y, boundaries in
        withUnsafePointer(to: scan) { walsh_selective_scan(isa.rawValue, $0, 0, channels, state, y, boundaries, 7) }
      }
      #expect(numbers(found) == numbers(expected), "steps of \(special)")
    }
  }

  @Test("Blocks in parallel give the sequential result to 1e-5", arguments: [1, 7, 64, 5000], [Float(-12), -2, 3])
  func blocks(size: Int, logStep: Float) {
    let c = ScanCase(tokens: 4096, channels: 5, states: 4, logStep: logStep)
    var (state, inBlocks) = (normal([4, 5], "state"), normal([4, 5], "state"))
    let y = c.scan(c.x, steps: c.steps, b: c.b, c: c.c, state: &state)
    let blocked = c.scan.inBlocks(of: size, c.x, steps: c.steps, b: c.b, c: c.c, state: &inBlocks)
    // Decays near one and near zero are both in the range.
    #expect(y.values.allSatisfy { $0.isFinite })
    #expect(relativeError(blocked, y) < 1e-5)
    #expect(relativeError(inBlocks, state) < 1e-5)
  }

  @Test("A text in two parts is the text, whatever the parts")
  func continued() {
    let c = ScanCase(tokens: 40, channels: 20, states: 3)
    let whole = c()
    for cut in [1, 2, 31, 32, 33, 39] {
      var state = c.zeroState
      let parts = [0..<cut, cut..<40].map {
        c.scan(c.x.rows($0), steps: c.steps.rows($0), b: c.b.rows($0), c: c.c.rows($0), state: &state)
      }
      #expect(Tensor.stackingRows(parts) == whole)
    }
  }

  @Test("Texts together are the texts one by one, with one worker and with two")
  func texts() {
    let c = ScanCase(tokens: 70, channels: 130, states: 4, texts: 3)
    let y = withWorkers(1) { c() }
    #expect(withWorkers(2) { c() } == y)
    for i in 0..<3 { #expect(c.scan(c.x.row(i), steps: c.steps.row(i), b: c.b.row(i), c: c.c.row(i)) == y.row(i)) }
  }

  @Test("Gradients agree with differences of the definition in Float64 to 1e-5")
  func gradients() {
    let c = ScanCase(tokens: 9, channels: 5, states: 4)
    let seed = normal(c.x.shape, "seed")
    let inputs = [c.x, c.steps, c.b, c.c, c.scan.decay, c.scan.skip]
    let tracked = inputs.map { $0.tracked() }
    let y = SelectiveScan(decay: tracked[4], skip: tracked[5])(
      tracked[0], steps: tracked[1], b: tracked[2], c: tracked[3])
    let found = y.gradients(of: tracked, seed: seed)
    for i in inputs.indices {
      let differences = (0..<inputs[i].count).map { j -> Double in
        func value(_ h: Float) -> (at: Double, loss: Double) {
          var moved = inputs
          var values = inputs[i].values
          values[j] += h
          moved[i] = Tensor(values, shape: inputs[i].shape)
          let loss = zip(ScanCase(moved).definition().y, seed.values).reduce(0) { $0 + $1.0 * Double($1.1) }
          return (Double(values[j]), loss)
        }
        func slope(_ h: Float) -> Double {
          let (above, below) = (value(h), value(-h))
          return (above.loss - below.loss) / (above.at - below.at)
        }
        return (4 * slope(1 / 512) - slope(1 / 256)) / 3
      }
      #expect(relativeError(found[i].values.map(Double.init), differences) < 1e-5, "input \(i)")
    }
  }

  @Test("Gradients of a long text are the same bits for every instruction set, with one worker and with two")
  func gradientBits() {
    let c = ScanCase(tokens: 100, channels: 150, states: 5, texts: 2)
    func gradients() -> [[UInt32]] {
      let inputs = [c.x, c.steps, c.b, c.c, c.scan.decay, c.scan.skip].map { $0.tracked() }
      let y = SelectiveScan(decay: inputs[4], skip: inputs[5])(
        inputs[0], steps: inputs[1], b: inputs[2], c: inputs[3])
      return y.gradients(of: inputs, seed: c.x).map(\.bits)
    }
    let expected = withWorkers(1, gradients)
    for isa in InstructionSet.available {
      let found = withWorkers(2) {
        let best = InstructionSet.best
        InstructionSet.best = isa
        defer { InstructionSet.best = best }
        return gradients()
      }
      #expect(found == expected, "\(isa)")
    }
  }

  @Test("A state refuses what is tracked")
  func tracked() async {
    await #expect(processExitsWith: .failure) {
      let x = Tensor.zeros([2, 1])
      var state = Tensor.zeros([1, 1])
      let scan = SelectiveScan(decay: Tensor([-1], shape: [1, 1]), skip: Tensor([1]))
      _ = scan(x.tracked(), steps: x, b: x, c: x, state: &state)
    }
  }
}

extension ScanCase {
  /// Another case with other steps.
  fileprivate init(_ c: ScanCase, steps: Tensor) {
    self.init([c.x, steps, c.b, c.c, c.scan.decay, c.scan.skip])
  }

  /// x, Δ, B, C, A, D.
  fileprivate init(_ inputs: [Tensor]) {
    (x, steps, b, c) = (inputs[0], inputs[1], inputs[2], inputs[3])
    scan = SelectiveScan(decay: inputs[4], skip: inputs[5])
  }
}

import CKernels
import WalshTensor

extension KernelCase {
  /// Mamba's scan and convolution in the sizes of mamba-130m, 1536 channels of 16 states: of a text of 1024 tokens, forwards and
  /// with the backward pass, and of a single token. The operations of a scan are its multiplications and additions, with
  /// an exponential as one.
  static var scans: [KernelCase] {
    [scan(tokens: 1024), scan(tokens: 1), trainedScan(tokens: 1024), convolution(tokens: 1024)]
  }

  private static let channels = 1536
  private static let states = 16
  private static let taps = 4

  /// A text's operands; steps and decays of the sizes that new models have.
  private struct ScanOperands {
    let x, steps, b, c: Tensor
    let scan: SelectiveScan

    init(tokens: Int) {
      x = operand([tokens, channels])
      steps = (operand([tokens, channels]) + -4).exp()
      b = operand([tokens, states])
      c = operand([tokens, states])
      let decay = Tensor(shape: [states, channels]) { out in
        for i in out.indices { out[i] = -Float(i / channels + 1) }
      }
      scan = SelectiveScan(decay: decay, skip: Tensor(shape: [channels], repeating: 1))
    }
  }

  private static func scan(tokens: Int) -> KernelCase {
    KernelCase(
      kernel: "selective scan", size: channels, rows: tokens, bytesMoved: 4 * (3 * tokens + 2 * states) * channels,
      operations: 6 * tokens * channels * states, limits: [.reference]
    ) {
      let operands = ScanOperands(tokens: tokens)
      var state = Tensor.zeros([states, channels])
      return { reference(operands, state: &state) }
    } prepare: {
      let operands = ScanOperands(tokens: tokens)
      var state = Tensor.zeros([states, channels])
      return {
        withExtendedLifetime(
          operands.scan(operands.x, steps: operands.steps, b: operands.b, c: operands.c, state: &state)
        ) {}
      }
    }
  }

  private static func trainedScan(tokens: Int) -> KernelCase {
    KernelCase(
      kernel: "selective scan and gradients", size: channels, rows: tokens, bytesMoved: 4 * 9 * tokens * channels,
      operations: 21 * tokens * channels * states
    ) {
      let operands = ScanOperands(tokens: tokens)
      return {
        let inputs = [operands.x, operands.steps, operands.b, operands.c].map { $0.tracked() }
        let y = operands.scan(inputs[0], steps: inputs[1], b: inputs[2], c: inputs[3])
        withExtendedLifetime(y.gradients(of: inputs, seed: operands.x)) {}
      }
    }
  }

  private static func convolution(tokens: Int) -> KernelCase {
    KernelCase(
      kernel: "causal convolution", size: channels, rows: tokens, bytesMoved: 8 * tokens * channels,
      operations: 2 * taps * tokens * channels
    ) {
      let x = operand([tokens, channels])
      let weight = operand([taps, channels])
      let bias = operand([channels])
      return { withExtendedLifetime(x.causalConvolution(weight: weight, bias: bias)) {} }
    }
  }

  private static func reference(_ operands: ScanOperands, state: inout Tensor) {
    let scan = operands.scan
    var y = Tensor.zeros(operands.x.shape)
    y.withUnsafeMutableBufferPointer { y in
      state.withUnsafeMutableBufferPointer { state in
        operands.x.withUnsafeBufferPointer { x in
          operands.steps.withUnsafeBufferPointer { steps in
            operands.b.withUnsafeBufferPointer { b in
              operands.c.withUnsafeBufferPointer { c in
                scan.decay.withUnsafeBufferPointer { decay in
                  scan.skip.withUnsafeBufferPointer { skip in
                    var own = walsh_scan(
                      x: x.baseAddress, steps: steps.baseAddress, decay: decay.baseAddress, b: b.baseAddress,
                      c: c.baseAddress, skip: skip.baseAddress, tokens: operands.x.rowCount, channels: channels,
                      states: states)
                    walsh_selective_scan_reference(&own, 0, channels, state.baseAddress, y.baseAddress, nil, 1)
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

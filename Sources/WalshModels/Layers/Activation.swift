import WalshCheckpoints
import WalshTensor

extension Tensor {
  /// act(x) ⊙ `up` with the MLP activation named in a configuration, value by value.
  func activated(by activation: LlamaConfiguration.Activation, gating up: Tensor) -> Tensor {
    switch activation {
    case .silu: siluGating(up)
    case .gelu: gelu() * up
    case .geluTanh: geluTanh() * up
    case .quickGelu: quickGelu() * up
    }
  }

  /// Writes act(first half) ⊙ (second half) of one row over `result`, half as wide.
  func gateHalves(by activation: LlamaConfiguration.Activation, into result: inout Tensor) {
    if case .silu = activation { return siluGatingHalves(into: &result) }
    let halves = reshaped(to: [2, count / 2])
    result = halves.rows(0..<1).activated(by: activation, gating: halves.rows(1..<2))
  }
}

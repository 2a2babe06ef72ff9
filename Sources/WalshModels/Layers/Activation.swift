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
}

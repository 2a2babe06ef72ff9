import WalshCheckpoints
import WalshTensor

extension Tensor {
  /// The MLP activation named in a configuration, value by value.
  func activated(by activation: LlamaConfiguration.Activation) -> Tensor {
    switch activation {
    case .silu: silu()
    case .gelu: gelu()
    case .geluTanh: geluTanh()
    case .quickGelu: quickGelu()
    }
  }
}

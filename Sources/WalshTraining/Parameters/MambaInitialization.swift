import Foundation
import WalshCheckpoints
import WalshTensor

/// How the weights of a new Mamba are drawn.
///
/// | tensor | values |
/// |---|---|
/// | embedding, output layer | normal, the configuration's deviation |
/// | `in_proj`, `x_proj`, `out_proj`, `conv1d` | uniform within ±1/√inputs; `out_proj` divided by √L for L blocks |
/// | `dt_proj.weight` | uniform within ±scale/√R |
/// | `dt_proj.bias` | softplus⁻¹(Δ) with Δ log-uniform in the configuration's range |
/// | `A_log` | log(1), …, log(N) in every channel (S4D-Real) |
/// | `D`, norms | 1 |
/// | other biases | 0 |
///
/// Source: Gu and Dao 2023, section 3.6, and the initialisation of `state-spaces/mamba`.
struct MambaInitialization {
  private let configuration: MambaConfiguration

  init(_ configuration: MambaConfiguration) { self.configuration = configuration }

  /// The tensor `name` of shape `shape`.
  func weight(_ name: String, _ shape: [Int], from stream: RandomStream) -> Tensor {
    let start = configuration.initialization
    if name.hasSuffix("dt_proj.bias") { return timeStepBiases(shape, stream) }
    if name.hasSuffix(".bias") { return .zeros(shape) }
    if name.hasSuffix("norm.weight") || name.hasSuffix("norm_f.weight") || name.hasSuffix(".D") {
      return Tensor(shape: shape, repeating: 1)
    }
    if name.hasSuffix(".A_log") {
      return Tensor(shape: shape) { out in
        for i in out.indices { out[i] = Float(log(Double(i % shape[1] + 1))) }
      }
    }
    if name.hasSuffix("embeddings.weight") || name.hasSuffix("lm_head.weight") {
      return Tensor.normal(shape, from: stream) * Float(start.deviation)
    }
    if name.hasSuffix("dt_proj.weight") {
      let bound = start.timeStepScale / Double(configuration.timeStepRank).squareRoot()
      if start.hasConstantTimeStepWeights { return Tensor(shape: shape, repeating: Float(bound)) }
      return uniform(shape, within: bound, stream)
    }
    let damping = name.hasSuffix("out_proj.weight") ? 1 / Double(configuration.layerCount).squareRoot() : 1
    return uniform(shape, within: damping / Double(shape[shape.count - 1]).squareRoot(), stream)
  }

  private func uniform(_ shape: [Int], within bound: Double, _ stream: RandomStream) -> Tensor {
    Tensor(shape: shape) { out in
      for i in out.indices { out[i] = Float((2 * stream.uniform64(at: i) - 1) * bound) }
    }
  }

  /// Δ + log(−expm1(−Δ)), whose softplus is Δ.
  private func timeStepBiases(_ shape: [Int], _ stream: RandomStream) -> Tensor {
    let start = configuration.initialization
    let (low, high) = (log(start.timeSteps.lowerBound), log(start.timeSteps.upperBound))
    return Tensor(shape: shape) { out in
      for i in out.indices {
        let step = max(exp(low + stream.uniform64(at: i) * (high - low)), start.timeStepFloor)
        out[i] = Float(step + log(-expm1(-step)))
      }
    }
  }
}

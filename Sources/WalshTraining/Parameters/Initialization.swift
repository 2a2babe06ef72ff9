import WalshModels
import WalshTensor

/// How the weights of a new model are drawn.
///
/// Linear layers and the embedding are normal with standard deviation 0.02; layers that write to the residual stream have
/// 0.02/√(2L) for L blocks, so that the stream's variance does not grow with depth. Norms are 1, biases 0. Each tensor
/// has a random stream of its own, keyed by its name. Source: Radford et al. 2019 (GPT-2), section 2.3.
public struct Initialization: Sendable {
  /// The standard deviation.
  public var deviation: Double
  /// The seed.
  public var seed: UInt64

  public init(deviation: Double = 0.02, seed: UInt64) {
    self.deviation = deviation
    self.seed = seed
  }

  /// The weights of a model, in the order of `architecture.parameters`.
  public func parameters(of architecture: Architecture) -> [Tensor] {
    let blocks = architecture.outline.blocks
    let writers = Set(blocks.flatMap(\.residualWriters).map { $0 + ".weight" })
    let damping = 1 / Double(2 * blocks.count).squareRoot()
    return architecture.parameters.map { name, shape in
      if name.hasSuffix("norm.weight") { return Tensor(shape: shape, repeating: 1) }
      if name.hasSuffix(".bias") { return .zeros(shape) }
      let scale = writers.contains(name) ? deviation * damping : deviation
      return Tensor.normal(shape, from: RandomStream(seed: seed, purpose: "training/weights/" + name)) * Float(scale)
    }
  }
}

import WalshModels
import WalshTensor

/// How the weights of a new model are drawn.
///
/// In a Llama, linear layers and the embedding are normal with standard deviation 0.02; layers that write to the residual
/// stream have 0.02/√(2L) for L blocks, so that the stream's variance does not grow with depth. Norms are 1, biases 0.
/// Source: Radford et al. 2019 (GPT-2), section 2.3. Of a Mamba see `MambaInitialization`.
///
/// Each tensor has a random stream of its own, keyed by its name.
public struct Initialization: Sendable {
  /// The standard deviation of a Llama's weights.
  public var deviation: Double
  /// The seed.
  public var seed: UInt64

  public init(deviation: Double = 0.02, seed: UInt64) {
    self.deviation = deviation
    self.seed = seed
  }

  /// The weights of a model, in the order of `architecture.parameters`.
  public func parameters(of architecture: Architecture) -> [Tensor] {
    if case .mamba(let c) = architecture {
      let mamba = MambaInitialization(c)
      return architecture.parameters.map { mamba.weight($0.name, $0.shape, from: stream(of: $0.name)) }
    }
    let blocks = architecture.outline.blocks
    let writers = Set(blocks.flatMap(\.residualWriters).map { $0 + ".weight" })
    let damping = 1 / Double(2 * blocks.count).squareRoot()
    return architecture.parameters.map { name, shape in
      if name.hasSuffix("norm.weight") { return Tensor(shape: shape, repeating: 1) }
      if name.hasSuffix(".bias") { return .zeros(shape) }
      let scale = writers.contains(name) ? deviation * damping : deviation
      return Tensor.normal(shape, from: stream(of: name)) * Float(scale)
    }
  }

  private func stream(of name: String) -> RandomStream {
    RandomStream(seed: seed, purpose: "training/weights/" + name)
  }
}

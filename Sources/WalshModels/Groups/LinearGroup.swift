/// The linear layers of a block that read the same activation: the unit at which a model can be transformed.
///
/// Row vectors: each layer computes x·Wᵀ. A transform P of the group's input acts as x ← x·P and W ← W·P⁻ᵀ in all its
/// layers at once. What happens to x·P at run time depends on where x comes from, its `source`: a transform that the
/// source can absorb is folded into the weights before it and costs nothing; any other is applied online.
public struct LinearGroup: Sendable, Hashable, CustomStringConvertible {
  /// What produces the activation, and so what can absorb a transform or a scale of it.
  public enum Source: Sendable, Hashable {
    /// An RMS norm, with this weight, of the residual stream. Absorbs the model's residual rotation (once the norm
    /// weight is folded into the layers) or a scale of each column.
    case norm(weight: String)
    /// Attention's mixture of value heads, made by this value projection: `heads` vectors of `headSize`, each a mixture
    /// of one of `keyHeads` value heads. Absorbs one invertible map of a head, the same for all heads, and a scale or a map
    /// of each head that heads of one value head share.
    case valueHeads(producer: String, heads: Int, keyHeads: Int, headSize: Int)
    /// An element-wise product with the output of this projection. Absorbs a scale of each column.
    case gatedProduct(producer: String)
    /// SiLU of Mamba's causal convolution, which the scan reads as well. Absorbs nothing: no map passes the activation
    /// function, and the scan would see it too.
    case convolution
    /// Some outputs of a projection, these rows of its weight, that nothing else reads: the pair is one linear map of low
    /// rank. Absorbs any invertible map.
    case projection(producer: String, rows: Range<Int>)
    /// Mamba's scan times SiLU of a gate, these rows of this projection. Absorbs nothing as long as the gate is z·σ(z): a
    /// scale s of each column would need the smoothed gate z′·σ(s·z′) with z′ = z / s, and no rotation passes a product.
    case gatedScan(producer: String, gate: Range<Int>)

    /// Whether a scale of each column can be folded into what produces the activation.
    public var absorbsScales: Bool {
      switch self {
      case .norm, .valueHeads, .gatedProduct, .projection: true
      case .convolution, .gatedScan: false
      }
    }
  }

  /// A short name, unique in the model, such as `layers.3.mlp.input`.
  public let id: String
  /// What the group is, the same in every block, such as `mlp.input`.
  public let role: String
  /// The module paths of the layers, such as `model.layers.3.mlp.gate_proj`.
  public let layers: [String]
  /// The width of the activation, the number of columns of every layer's weight.
  public let width: Int
  /// Where the activation comes from.
  public let source: Source

  public init(id: String, role: String, layers: [String], width: Int, source: Source) {
    self.id = id
    self.role = role
    self.layers = layers
    self.width = width
    self.source = source
  }

  public var description: String {
    let names = layers.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
    return "\(id) [\(width)] → \(names.joined(separator: ", "))"
  }
}

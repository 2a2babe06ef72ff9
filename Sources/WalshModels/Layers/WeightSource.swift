import WalshTensor

/// Where a block gets its parameters: a checkpoint, or tensors in memory.
public protocol WeightSource {
  /// The tensor `name` in full precision.
  func tensor(_ name: String) throws -> Tensor
  /// The matrix `name`, at the width it is stored in where products take it so: an embedding, or a tied output layer.
  func matrix(_ name: String) throws -> Linear.Weight
  /// The linear layer at module path `path`, with its bias if there is one.
  func linear(_ path: String) throws -> Linear
  /// What happens to the activation of `group` before its layers.
  func inputStage(of group: LinearGroup) throws -> InputStage
  /// What happens to queries and keys of the attention at `site`.
  func keyStage(of site: ModelOutline.AttentionSite) throws -> KeyStage
}

extension WeightSource {
  /// The weight `name` in Float32: for sources that hold no other width.
  public func matrix(_ name: String) throws -> Linear.Weight { .dense(try tensor(name)) }
}

/// What transforms at run time cost beside the linear layers they serve, per token.
public struct OnlineCost: Sendable, Hashable {
  /// Operations of the transforms of activations, queries and keys.
  public let transforms: Int
  /// Operations of the linear layers of all blocks: two for each weight.
  public let layers: Int

  /// Transforms over layers: 0.03 when a token takes 3 % more operations than without transforms.
  public var share: Double { Double(transforms) / Double(layers) }
}

extension ModelFolder {
  /// What the folder's online transforms cost. Reads the transforms, no weight.
  ///
  /// - Throws: `CheckpointError` for a damaged transform.
  public func onlineCost() throws -> OnlineCost {
    let weights = CheckpointWeights(
      checkpoint, architecture: architecture, quantization: try configuration.quantization())
    let shapes = Dictionary(uniqueKeysWithValues: architecture.parameters.map { ($0.name, $0.shape) })
    var (transforms, layers) = (0, 0)
    for block in architecture.outline.blocks {
      for group in block.groups {
        transforms += try weights.inputStage(of: group).transform?.flopsPerRow ?? 0
        layers += group.layers.reduce(0) { $0 + 2 * (shapes[$1 + ".weight"]?[0] ?? 0) * group.width }
      }
      if let site = block.attention {
        let stage = try weights.keyStage(of: site)
        transforms += site.heads * (stage.queryTransform?.flopsPerRow ?? 0)
        transforms += site.keyHeads * (stage.keyTransform?.flopsPerRow ?? 0)
      }
    }
    return OnlineCost(transforms: transforms, layers: layers)
  }
}

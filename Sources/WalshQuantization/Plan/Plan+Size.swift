import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

extension Plan {
  /// The bytes of all tensors that the plan's result stores.
  ///
  /// - Throws: `CheckpointError` when a layer is missing in `source`.
  func storedByteCount(of outline: ModelOutline, source: Checkpoint) throws(CheckpointError) -> Int {
    var bytes = source.byteCount
    if outline.headIsTied {
      if residual != nil {
        bytes += try source.tensor(outline.embedding).byteCount
      } else {
        // A copy of the embedding under the output layer's name is not written again.
        bytes -= source[outline.head.layers[0] + ".weight"]?.byteCount ?? 0
      }
    }
    for block in outline.blocks {
      for group in block.groups {
        let plan = self[group]
        if let transform = plan.transform.shape(for: group) {
          bytes += group.layers.count * group.source.rest(of: transform).storedByteCount
        }
        if clips(plan.activations) { bytes += group.layers.count * Self.clipByteCount }
        guard let weights = plan.weights, let layout = LinearLayout(weights) else { continue }
        let withInputScale = plan.activations?.isTwoLevel == true
        for path in group.layers {
          let stored = try source.tensor(path + ".weight")
          bytes -= stored.byteCount
          let tensors = layout.tensors(
            path, rows: stored.shape[0], columns: group.width, withInputScale: withInputScale)
          bytes += tensors.reduce(0) { $0 + $1.byteCount }
        }
      }
      guard let site = block.attention else { continue }
      if let keys = keyShape(of: site) { bytes += 2 * [keys].storedByteCount }
      if clips(cache) { bytes += 2 * Self.clipByteCount }
    }
    return bytes
  }
}

extension Plan {
  /// The bytes that the largest online transform takes in a checkpoint; 0 when there is none.
  func largestStoredTransform(of outline: ModelOutline) -> Int {
    let sizes = outline.blocks.flatMap(\.groups).map { group in
      self[group].transform.shape(for: group).map { group.source.rest(of: $0).storedByteCount } ?? 0
    }
    let keys = outline.blocks.compactMap(\.attention).compactMap { keyShape(of: $0) }
    return max(sizes.max() ?? 0, keys.map { [$0].storedByteCount }.max() ?? 0)
  }

  /// The bytes of a pair of clip ratios.
  private static let clipByteCount = 8

  /// The map of keys, or one that is built like the learned one.
  private func keyShape(of site: ModelOutline.AttentionSite) -> (any LinearTransform)? {
    learnsKeys ? DenseTransform(.identity(site.headSize), inverse: .identity(site.headSize)) : keys
  }
}

extension [any LinearTransform] {
  /// The bytes that these transforms, one after another, take for each module of a checkpoint.
  fileprivate var storedByteCount: Int {
    isEmpty ? 0 : OnlineTransform.byteCount(of: count == 1 ? self[0] : CompositeTransform(self))
  }
}

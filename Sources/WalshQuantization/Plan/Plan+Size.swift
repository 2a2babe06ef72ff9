import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

extension Plan {
  /// The bytes of all tensors that the plan's result stores. Transforms that are calibrated group by group count nothing,
  /// since they are folded.
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
        bytes += group.layers.count * plan.transform.onlineParts(of: group).storedByteCount
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
      if let keys = keyPlaceholder(of: site) { bytes += 2 * [keys].storedByteCount }
      if clips(cache) { bytes += 2 * Self.clipByteCount }
    }
    return bytes
  }
}

extension Plan {
  /// The bytes that the largest online transform takes in a checkpoint; 0 when there is none.
  func largestStoredTransform(of outline: ModelOutline) -> Int {
    let sizes = outline.blocks.flatMap(\.groups).map { self[$0].transform.onlineParts(of: $0).storedByteCount }
    let keys = outline.blocks.compactMap(\.attention).compactMap { keyPlaceholder(of: $0) }
    return max(sizes.max() ?? 0, keys.map { [$0].storedByteCount }.max() ?? 0)
  }

  /// The bytes of a pair of clip ratios.
  private static let clipByteCount = 8

  /// The map of keys, or one that takes as many bytes as the learned one will.
  private func keyPlaceholder(of site: ModelOutline.AttentionSite) -> (any LinearTransform)? {
    learnsKeys ? DenseTransform.placeholder(site.headSize) : keys
  }
}

extension GroupTransform {
  /// The parts that act at run time; of a learned transform, some that take as many bytes.
  fileprivate func onlineParts(of group: LinearGroup) -> [any LinearTransform] {
    switch self {
    case .none, .calibrated: return []
    case .fixed(let transform): return group.source.rest(of: transform)
    case .learned(let shape):
      guard let left = shape.left else { return [] }
      let right = group.width / left
      return [
        KroneckerTransform(
          left: DenseTransform.placeholder(left),
          right: shape.foldsRight ? IdentityTransform(right) : DenseTransform.placeholder(right))
      ]
    }
  }
}

extension DenseTransform {
  fileprivate static func placeholder(_ order: Int) -> DenseTransform {
    DenseTransform(.identity(order), inverse: .identity(order))
  }
}

extension [any LinearTransform] {
  /// The bytes that these transforms, one after another, take for each module of a checkpoint.
  fileprivate var storedByteCount: Int {
    isEmpty ? 0 : OnlineTransform.byteCount(of: count == 1 ? self[0] : CompositeTransform(self))
  }
}

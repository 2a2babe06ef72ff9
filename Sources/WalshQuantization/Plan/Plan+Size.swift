import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTransforms

extension Plan {
  /// The bytes of all tensors that the plan's result stores. Transforms that are still to be calibrated count nothing,
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
        if case .fixed(let transform) = plan.transform {
          let order = group.source.rest(of: transform).storedOrder
          bytes += group.layers.count * order * order * 4
        }
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
      if let keys, block.attention != nil {
        let order = [keys].storedOrder
        bytes += 2 * order * order * 4
      }
    }
    return bytes
  }
}

extension Plan {
  /// The order of the largest matrix that a checkpoint stores for an online transform; 0 when there is none.
  func largestStoredOrder(of outline: ModelOutline) -> Int {
    let orders = outline.blocks.flatMap(\.groups).map { group in
      if case .fixed(let transform) = self[group].transform {
        group.source.rest(of: transform).storedOrder
      } else {
        0
      }
    }
    return max(orders.max() ?? 0, keys.map { [$0].storedOrder } ?? 0)
  }
}

extension [any LinearTransform] {
  /// The order of the matrix that a checkpoint stores for these transforms in a row: that of one repeated block, or the
  /// whole.
  fileprivate var storedOrder: Int {
    guard let first else { return 0 }
    guard count == 1, let diagonal = first as? BlockDiagonalTransform, diagonal.blocks.count == 1 else {
      return first.dimension
    }
    return diagonal.blocks[0].dimension
  }
}

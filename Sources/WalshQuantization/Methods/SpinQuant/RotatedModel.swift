import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// A whole model with frozen weights and quantizers, as a function of its rotations.
///
/// The network is the one that the engine will write: norms folded, W ← W·R1 where the residual stream is read and
/// W ← R1ᵀ·W where it is written, R2 in the value projection and undone in front of the attention output, the plan's fixed
/// transforms in their places, activations and cache rounded by the plan's formats. Rotations may be tracked; weights are
/// rotated anew in every product and never kept.
struct RotatedModel {
  let architecture: Architecture
  private let plan: Plan
  /// All parameters in Float32; norms of blocks are folded into the layers behind them.
  private let tensors: [String: Tensor]

  /// The name of R1 among the rotations; R2 of a group has the group's id.
  static let residual = "R1"

  /// Reads the model.
  ///
  /// - Throws: `CheckpointError` when a tensor is missing.
  init(_ plan: Plan, of architecture: Architecture, source: Checkpoint) throws {
    self.architecture = architecture
    self.plan = plan
    var weights = BlockWeights(tensors: [:])
    for (name, _) in architecture.parameters {
      let stored = try source.tensor(name)
      weights.tensors[name] = try stored.tensor()
      stored.release()
    }
    for block in architecture.outline.blocks { try weights.foldNorms(of: block.groups) }
    tensors = weights.tensors
  }

  /// The mean cross-entropy of the next token over the targets of `batch` that count, shape `[]`.
  ///
  /// Blocks are computed again when gradients are asked for, so that one block's activations are in memory at a time.
  /// - Parameter rotations: R1 and every R2 by name.
  func loss(of batch: CalibrationBatch, rotations: [String: Tensor]) throws -> Tensor {
    try logits(of: batch, rotations: rotations).crossEntropy(of: batch.targets, counting: batch.isCounted)
  }

  /// The logits of every position, shape `[samples, tokens, vocabulary]`.
  func logits(of batch: CalibrationBatch, rotations: [String: Tensor]) throws -> Tensor {
    let weights = RotatedWeights(
      tensors: tensors, rotations: rotations, plan: plan, outline: architecture.outline)
    let embedded = try architecture.embedding(from: weights).gatheringRows(batch.inputs)
    let residual = rotations[Self.residual]
    var x = (residual.map { embedded.matmul($0) } ?? embedded)
      .reshaped(to: [batch.sampleCount, batch.tokenCount, embedded.columns])
    for layer in architecture.outline.blocks.indices {
      let block = try architecture.block(layer, from: weights)
      x = x.checkpointed { block($0) }
    }
    // The output layer is not quantized, so turning the stream back is the same as turning a vocabulary of rows.
    return try architecture.ends(from: weights).logits(residual.map { x.matmulTransposed($0) } ?? x)
  }
}

extension Plan {
  /// The format of the weights of `group` while rotations are learned; nil for full precision, also when GPTQ will choose
  /// them, unless nothing else is rounded and there would be nothing to learn from.
  func weightsWhileLearning(of group: LinearGroup) -> NumericFormat? {
    let roundsNothingElse =
      cache == nil
      && groups.values.allSatisfy { $0.activations == nil && ($0.weights == nil || $0.solver.needsHessian) }
    return !self[group].solver.needsHessian || roundsNothingElse ? self[group].weights : nil
  }

  /// The R2 of `group` that learning starts from, one matrix for all heads; nil where the plan has another transform.
  func headRotation(of group: LinearGroup) -> (any LinearTransform)? {
    guard case .valueHeads(_, let heads, _, let headSize) = group.source,
      case .fixed(let transform) = self[group].transform, transform.isOrthogonal,
      let diagonal = transform as? BlockDiagonalTransform, diagonal.blocks.count == 1, diagonal.count == heads,
      diagonal.blocks[0].dimension == headSize
    else { return nil }
    return diagonal.blocks[0]
  }
}

import WalshCheckpoints
import WalshTensor

/// A decoder-only language model in memory: embedding, blocks, final norm, output layer.
public struct LanguageModel: Sendable {
  /// The architecture.
  public let architecture: Architecture
  private let embedding: Embedding
  private let blocks: [any DecoderBlock]
  private let ends: ModelEnds

  /// Reads a whole model.
  ///
  /// - Throws: what the source throws for a missing or misshapen tensor.
  public init(_ architecture: Architecture, weights: some WeightSource) throws {
    self.architecture = architecture
    embedding = Embedding(try weights.matrix(architecture.outline.embedding))
    blocks = try (0..<architecture.outline.blocks.count).map { try architecture.block($0, from: weights) }
    ends = try architecture.ends(from: weights, embedding: embedding.weight)
  }

  /// The number of logits.
  public var vocabularySize: Int { embedding.count }

  /// The logits of every position of a text, shape `[tokens.count, vocabularySize]`.
  public func logits(for tokens: [Int]) -> Tensor {
    ends.logits(blocks.reduce(embedding(tokens)) { $1($0) })
  }

  /// A fresh state for generation.
  public func makeState() -> TextState { TextState(blocks.map { $0.makeState() }) }

  /// The logits behind the last of `tokens`, which follow what `state` has seen; shape `[vocabularySize]`.
  ///
  /// - Precondition: `tokens` is not empty.
  public func nextLogits(after tokens: [Int], state: TextState) -> Tensor {
    if tokens.count == 1 { return nextLogits(after: tokens[0], state: state) }
    var x = embedding(tokens)
    for (block, memory) in zip(blocks, state.blocks) { x = block(x, state: memory, observer: nil) }
    return ends.logits(x.rows(tokens.count - 1..<tokens.count)).row(0)
  }

  /// The logits behind `token`, which follows what `state` has seen; shape `[vocabularySize]`. Their memory is used again by
  /// the next call, unless it is still held.
  public func nextLogits(after token: Int, state: TextState) -> Tensor {
    let workspace = state.workspace
    embedding.copyRow(token, to: &workspace.stream)
    for i in blocks.indices { blocks[i].advance(workspace, state: state.blocks[i]) }
    ends.writeLogits(workspace)
    return workspace.logits
  }
}

/// What follows the last block: the final norm and the output layer.
public struct ModelEnds: Sendable {
  private let norm: Tensor
  private let epsilon: Float
  private let stage: InputStage
  private let head: Linear
  private let projection: GroupProjection

  public init(norm: Tensor, epsilon: Float, stage: InputStage, head: Linear) {
    self.norm = norm
    self.epsilon = epsilon
    self.stage = stage
    self.head = head
    projection = GroupProjection(stage, [head])
  }

  /// The logits of a residual stream, shape `[tokens, vocabulary]`.
  public func logits(_ x: Tensor) -> Tensor {
    head(stage(x.rmsNorm(weight: norm, epsilon: epsilon), for: [head]))
  }

  /// Writes the logits of the workspace's residual stream there.
  func writeLogits(_ workspace: DecodeWorkspace) {
    workspace.normalize(by: norm, epsilon: epsilon)
    projection(&workspace.normed, &workspace.rows, into: &workspace.logits)
  }
}

import WalshCheckpoints
import WalshTensor

/// A decoder-only language model in memory: embedding, blocks, final norm, output layer.
public struct LanguageModel: Sendable {
  /// The architecture.
  public let architecture: Architecture
  private let embedding: Tensor
  private let blocks: [any DecoderBlock]
  private let ends: ModelEnds

  /// Reads a whole model.
  ///
  /// - Throws: what the source throws for a missing or misshapen tensor.
  public init(_ architecture: Architecture, weights: some WeightSource) throws {
    self.architecture = architecture
    embedding = try architecture.embedding(from: weights)
    blocks = try (0..<architecture.outline.blocks.count).map { try architecture.block($0, from: weights) }
    ends = try architecture.ends(from: weights)
  }

  /// The number of logits.
  public var vocabularySize: Int { embedding.shape[0] }

  /// The logits of every position of a text, shape `[tokens.count, vocabularySize]`.
  public func logits(for tokens: [Int]) -> Tensor {
    ends.logits(blocks.reduce(embedding.gatheringRows(tokens)) { $1($0) })
  }

  /// A fresh state for generation.
  public func makeState() -> [any DecoderState] { blocks.map { $0.makeState() } }

  /// The logits behind the last of `tokens`, which follow what `state` has seen; shape `[vocabularySize]`.
  ///
  /// - Precondition: `tokens` is not empty.
  public func nextLogits(after tokens: [Int], state: [any DecoderState]) -> Tensor {
    var x = embedding.gatheringRows(tokens)
    for (block, memory) in zip(blocks, state) { x = block(x, state: memory, observer: nil) }
    return ends.logits(x.rows(tokens.count - 1..<tokens.count)).row(0)
  }
}

/// What follows the last block: the final norm and the output layer.
public struct ModelEnds: Sendable {
  private let norm: Tensor
  private let epsilon: Float
  private let stage: InputStage
  private let head: Linear

  public init(norm: Tensor, epsilon: Float, stage: InputStage, head: Linear) {
    self.norm = norm
    self.epsilon = epsilon
    self.stage = stage
    self.head = head
  }

  /// The logits of a residual stream, shape `[tokens, vocabulary]`.
  public func logits(_ x: Tensor) -> Tensor {
    head(stage(x.rmsNorm(weight: norm, epsilon: epsilon), for: [head]))
  }
}

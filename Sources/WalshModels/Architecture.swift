import WalshCheckpoints
import WalshTensor

/// A model family with its sizes: knows its groups, and builds its parts from weights.
public enum Architecture: Sendable {
  /// Llama, Mistral, Qwen2, Qwen3, SmolLM.
  case llama(LlamaConfiguration)
  /// Mamba-1.
  case mamba(MambaConfiguration)

  /// The architecture that a `config.json` describes.
  ///
  /// - Throws: `CheckpointError` for an unknown `model_type` or impossible sizes.
  public init(_ configuration: ModelConfiguration) throws {
    self =
      configuration.modelType == MambaConfiguration.modelType
      ? .mamba(try configuration.mamba()) : .llama(try configuration.llama())
  }

  /// The groups and the residual stream.
  public var outline: ModelOutline {
    switch self {
    case .llama(let c): ModelOutline(c)
    case .mamba(let c): ModelOutline(c)
    }
  }

  /// The number of tokens that the model knows: rows of the embedding.
  public var vocabularySize: Int {
    switch self {
    case .llama(let c): c.vocabularySize
    case .mamba(let c): c.vocabularySize
    }
  }

  /// The longest text the model was made for; nil when any length is alike to it.
  public var contextLength: Int? {
    switch self {
    case .llama(let c): c.maximumPositions
    case .mamba: nil
    }
  }

  /// Block `index` from `weights`.
  public func block(_ index: Int, from weights: some WeightSource) throws -> any DecoderBlock {
    switch self {
    case .llama(let c): try LlamaBlock(index, configuration: c, outline: outline.blocks[index], weights: weights)
    case .mamba(let c): try MambaBlock(configuration: c, outline: outline.blocks[index], weights: weights)
    }
  }

  /// The embedding, shape `[vocabulary, hiddenSize]`.
  public func embedding(from weights: some WeightSource) throws -> Tensor {
    try weights.tensor(outline.embedding)
  }

  /// The final norm and the output layer from `weights`.
  public func ends(from weights: some WeightSource) throws -> ModelEnds {
    let outline = outline
    guard case .norm(let norm) = outline.head.source else {
      preconditionFailure("The output layer of every architecture reads a norm.")
    }
    return ModelEnds(
      norm: try weights.tensor(norm), epsilon: normEpsilon, stage: try weights.inputStage(of: outline.head),
      head: outline.headIsTied
        ? Linear(.dense(try weights.tensor(outline.embedding))) : try weights.linear(outline.head.layers[0]))
  }

  private var normEpsilon: Float {
    switch self {
    case .llama(let c): c.normEpsilon
    case .mamba(let c): c.normEpsilon
    }
  }
}

/// What a method needs to know of an architecture: its linear groups, and who writes to the residual stream.
public struct ModelOutline: Sendable {
  /// One decoder block.
  public struct Block: Sendable {
    /// The prefix of the block's tensors, `model.layers.3.`.
    public let prefix: String
    /// The groups in the order in which the block computes them.
    public let groups: [LinearGroup]
    /// The layers whose output is added to the residual stream.
    public let residualWriters: [String]
    /// Queries and keys after rotary embedding, where an orthogonal map of a head leaves attention unchanged.
    public let attention: AttentionSite?

    public init(prefix: String, groups: [LinearGroup], residualWriters: [String], attention: AttentionSite?) {
      self.prefix = prefix
      self.groups = groups
      self.residualWriters = residualWriters
      self.attention = attention
    }
  }

  /// Where keys are cached.
  public struct AttentionSite: Sendable, Hashable {
    /// The module path of the attention, `model.layers.3.self_attn`.
    public let path: String
    /// The size of a query or key head.
    public let headSize: Int
    /// The number of query heads.
    public let heads: Int
    /// The number of key heads, and of value heads.
    public let keyHeads: Int

    /// An attention with `heads` query heads of `headSize` that share `keyHeads` key and value heads.
    public init(path: String, headSize: Int, heads: Int, keyHeads: Int) {
      self.path = path
      self.headSize = headSize
      self.heads = heads
      self.keyHeads = keyHeads
    }
  }

  /// The width of the residual stream.
  public let hiddenSize: Int
  /// The name of the embedding's weight.
  public let embedding: String
  /// The decoder blocks.
  public let blocks: [Block]
  /// The group of the output layer; its source is the final norm.
  public let head: LinearGroup
  /// True when the output layer's weight is the embedding's.
  public let headIsTied: Bool

  public init(
    hiddenSize: Int, embedding: String, blocks: [Block], head: LinearGroup, headIsTied: Bool
  ) {
    self.hiddenSize = hiddenSize
    self.embedding = embedding
    self.blocks = blocks
    self.head = head
    self.headIsTied = headIsTied
  }
}

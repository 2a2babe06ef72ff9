import WalshTensor

/// What a block remembers of the tokens before: a key-value cache, a recurrent state.
public protocol DecoderState: AnyObject {
  /// How many tokens it has seen.
  var tokenCount: Int { get }
  /// Bytes in use.
  var byteCount: Int { get }
}

/// What a model remembers of a text: the states of its blocks, and the memory that its tokens are computed in.
public final class TextState {
  /// The state of each block.
  public let blocks: [any DecoderState]
  let workspace = DecodeWorkspace()

  init(_ blocks: [any DecoderState]) { self.blocks = blocks }

  /// Bytes in use by the states of the blocks.
  public var byteCount: Int { blocks.reduce(0) { $0 + $1.byteCount } }
}

/// Receives the activation of every group as a block computes it, before the group's input stage; returns whether the
/// block is to go on. Calibration stops as soon as it has seen what it came for.
public typealias ActivationObserver = (LinearGroup, Tensor) -> Bool

/// One block of a decoder: residual stream in, residual stream out.
public protocol DecoderBlock: Sendable {
  /// The block's place in the architecture.
  var outline: ModelOutline.Block { get }

  /// A state that has seen no token.
  func makeState() -> any DecoderState

  /// Runs the block over consecutive tokens.
  ///
  /// - Parameters:
  ///   - x: the residual stream, shape `[tokens, hiddenSize]`; or, without a state, of several texts of one length at
  ///     once, shape `[texts, tokens, hiddenSize]`, of which none sees another.
  ///   - state: what came before; nil for tokens that begin a text and are not continued.
  ///   - observer: sees each group's activation, and may stop the block there.
  /// - Returns: the residual stream behind the block, of the same shape; when the observer stops it, `x`.
  func callAsFunction(_ x: Tensor, state: (any DecoderState)?, observer: ActivationObserver?) -> Tensor

  /// Runs the block over one token, whose residual stream lies in `workspace` and is replaced there: the bits of
  /// `callAsFunction`, without allocating where weights have four bits and the cache is in full precision.
  func advance(_ workspace: DecodeWorkspace, state: any DecoderState)
}

extension DecoderBlock {
  /// Runs one token through `callAsFunction`, whose tensors are new for every token: for blocks without a way of their own.
  public func advance(_ workspace: DecodeWorkspace, state: any DecoderState) {
    workspace.stream = self(workspace.stream, state: state, observer: nil)
  }

  /// Runs the block over a text from its beginning.
  public func callAsFunction(_ x: Tensor) -> Tensor { self(x, state: nil, observer: nil) }
}

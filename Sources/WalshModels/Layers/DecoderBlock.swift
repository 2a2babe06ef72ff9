import WalshTensor

/// What a block remembers of the tokens before: a key-value cache, a recurrent state.
public protocol DecoderState: AnyObject {
  /// How many tokens it has seen.
  var tokenCount: Int { get }
  /// Bytes in use.
  var byteCount: Int { get }
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
}

extension DecoderBlock {
  /// Runs the block over a text from its beginning.
  public func callAsFunction(_ x: Tensor) -> Tensor { self(x, state: nil, observer: nil) }
}

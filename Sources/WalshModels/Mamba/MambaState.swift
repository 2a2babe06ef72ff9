import WalshTensor

/// What a Mamba block remembers of the tokens before: as much after a thousand as after one.
public final class MambaState: DecoderState {
  /// The last K − 1 inputs of the convolution, oldest first, shape `[K − 1, channels]`.
  public private(set) var inputs: Tensor
  /// The states of the scan, shape `[states, channels]`.
  public var scan: Tensor
  public private(set) var tokenCount = 0

  /// The state before the first token: zeros, for K `taps`.
  public init(taps: Int, states: Int, channels: Int) {
    inputs = .zeros([taps - 1, channels])
    scan = .zeros([states, channels])
  }

  public var byteCount: Int { (inputs.count + scan.count) * MemoryLayout<Float>.stride }

  /// Keeps what the tokens behind need of the convolution's inputs `x`, shape `[tokens, channels]`, which follow those seen.
  public func append(_ x: Tensor) {
    let kept = inputs.rowCount
    let tokens = x.rowCount
    tokenCount += tokens
    // A copy in any case: a slice would keep the whole text in memory.
    inputs = Tensor.stackingRows(
      tokens < kept ? [inputs.rows(tokens..<kept), x] : [x.rows(tokens - kept..<tokens)])
  }
}

import WalshFormats
import WalshTensor

/// The memory of one token's way through the blocks of a model, used again by every block and every token.
///
/// A model makes one with each text's state; nothing in it outlives a token.
public final class DecodeWorkspace {
  /// The residual stream, shape `[1, hiddenSize]`.
  public var stream = Tensor.zeros([1, 0])
  /// A normalised residual stream, shape `[1, hiddenSize]`.
  var normed = Tensor.zeros([1, 0])
  /// q, k and v, one behind the other.
  var heads = Tensor.zeros([0])
  /// What attention gives, shape `[1, heads · headSize]`.
  var mixture = Tensor.zeros([1, 0])
  /// gate and up, one behind the other.
  var gates = Tensor.zeros([0])
  /// Their gated product, shape `[1, intermediateSize]`.
  var gated = Tensor.zeros([1, 0])
  /// What a block adds to the residual stream, twice.
  var written = Tensor.zeros([0])
  /// The logits.
  var logits = Tensor.zeros([0])
  /// The activation as integers.
  var rows: QuantizedRows?
  /// What attention works in.
  var attention = Tensor.zeros([0])
  /// The rotary turns of the token, which all blocks share, and its position.
  private var turns: RotaryTurns?
  private var position: Int?

  /// No memory yet.
  public init() {}

  /// Normalises the residual stream.
  func normalize(by weight: Tensor, epsilon: Float) {
    normed.makeRow(weight.count)
    stream.rmsNorm(weight: weight, epsilon: epsilon, into: &normed)
  }

  /// Turns the heads in the first `count` values of `heads` to `position`, in place.
  func turnHeads(inFirst count: Int, by rotary: RotaryEmbedding, to position: Int) {
    if position != self.position || turns == nil {
      let table = rotary.table(before: position + 1)
      turns?.move(to: position, of: table)
      turns = turns ?? RotaryTurns(table, at: [position])
      self.position = position
    }
    heads.withUnsafeMutableBufferPointer { turns?.turn(UnsafeMutableBufferPointer(rebasing: $0[..<count])) }
  }

  /// Adds what a block has written to the residual stream.
  func addToStream() {
    stream.withUnsafeMutableBufferPointer { x in
      written.withUnsafeBufferPointer { y in for i in x.indices { x[i] += y[i] } }
    }
  }
}

import WalshFormats
import WalshTensor
import WalshTransforms

/// What happens to queries and keys after rotary embedding, and how keys and values are cached.
public struct KeyStage: Sendable {
  /// An orthogonal map of every query head and every key head; products of queries and keys do not change.
  public var transform: (any LinearTransform)?
  /// The format of cached keys and values, one group per token and head; nil for full precision.
  public var cacheFormat: NumericFormat?

  public init(transform: (any LinearTransform)? = nil, cacheFormat: NumericFormat? = nil) {
    self.transform = transform
    self.cacheFormat = cacheFormat
  }

  /// Maps each head of `x`, shape `[tokens, heads · headSize]`.
  public func transformHeads(of x: Tensor) -> Tensor {
    guard let transform else { return x }
    let heads = x.reshaped(to: [x.count / transform.dimension, transform.dimension])
    return heads.transformed(by: transform).reshaped(to: x.shape)
  }

  /// Keys or values as attention reads them back from the cache, shape `[tokens, heads · headSize]`: rounded to the cache's
  /// format, with the same bits.
  public func cached(_ x: Tensor, headSize: Int) -> Tensor {
    guard let cacheFormat else { return x }
    let heads = x.reshaped(to: [x.count / headSize, headSize])
    return Quantizer(format: cacheFormat).fakeQuantize(heads).reshaped(to: x.shape)
  }
}

import WalshFormats
import WalshTensor
import WalshTransforms

/// What happens to queries and keys after rotary embedding, and how keys and values are cached.
///
/// Queries take Q and keys K with Q·Kᵀ = I, so that products of queries and keys do not change: one orthogonal map for both,
/// or any invertible P for keys with P⁻ᵀ for queries.
public struct KeyStage: Sendable {
  /// The map of every query head; nil for none.
  public var queryTransform: (any LinearTransform)?
  /// The map of every key head; nil for none.
  public var keyTransform: (any LinearTransform)?
  /// How cached keys are rounded, one group per token and head; nil for full precision.
  public var keys: ActivationQuantizer?
  /// How cached values are rounded; in full precision when keys are.
  public var values: ActivationQuantizer?

  /// Full precision, without a map.
  public init() {}

  /// An orthogonal map of queries and keys, and one format for both halves of the cache.
  public init(transform: (any LinearTransform)? = nil, cacheFormat: NumericFormat?) {
    queryTransform = transform
    keyTransform = transform
    self.cacheFormat = cacheFormat
  }

  /// The format of cached keys and values; nil for full precision. Setting it removes what is clipped.
  public var cacheFormat: NumericFormat? {
    get { keys?.format }
    set {
      keys = newValue.map { ActivationQuantizer(format: $0) }
      values = keys
    }
  }

  /// Maps each query head of `x`, shape `[tokens, heads · headSize]`.
  public func transformQueries(_ x: Tensor) -> Tensor { mapHeads(of: x, by: queryTransform) }

  /// Maps each key head of `x`, shape `[tokens, heads · headSize]`.
  public func transformKeys(_ x: Tensor) -> Tensor { mapHeads(of: x, by: keyTransform) }

  private func mapHeads(of x: Tensor, by transform: (any LinearTransform)?) -> Tensor {
    guard let transform else { return x }
    let heads = x.reshaped(to: [x.count / transform.dimension, transform.dimension])
    return heads.transformed(by: transform).reshaped(to: x.shape)
  }

  /// Keys as attention reads them back from the cache, shape `[tokens, heads · headSize]`: rounded, with the same bits.
  public func cachedKeys(_ x: Tensor, headSize: Int) -> Tensor { cached(x, headSize, keys) }

  /// Values as attention reads them back from the cache; see `cachedKeys`.
  public func cachedValues(_ x: Tensor, headSize: Int) -> Tensor { cached(x, headSize, values) }

  private func cached(_ x: Tensor, _ headSize: Int, _ quantizer: ActivationQuantizer?) -> Tensor {
    guard let quantizer else { return x }
    return quantizer(x.reshaped(to: [x.count / headSize, headSize])).reshaped(to: x.shape)
  }
}

import WalshFormats
import WalshTensor

/// The keys and values of the tokens so far, in full precision or quantized.
public final class KeyValueCache: DecoderState {
  private var keys: CachedRows
  private var values: CachedRows

  /// - Parameters:
  ///   - width: keyHeads · headSize.
  ///   - headSize: the size of a head, the group of a quantized cache.
  ///   - format: nil for full precision.
  public init(width: Int, headSize: Int, format: NumericFormat?) {
    keys = CachedRows(width: width, headSize: headSize, format: format)
    values = keys
  }

  public var tokenCount: Int { keys.rowCount }
  public var byteCount: Int { keys.byteCount + values.byteCount }

  /// Adds the keys and values of the next tokens, shape `[tokens, width]` each.
  ///
  /// - Precondition: neither is tracked; a cache keeps plain numbers.
  public func append(keys k: Tensor, values v: Tensor) {
    keys.append(k)
    values.append(v)
  }

  /// Calls `body` with all keys and all values as attention reads them, shape `[tokenCount, width]` each.
  public func withRows<R>(_ body: (_ keys: Tensor, _ values: Tensor) -> R) -> R { body(keys.rows, values.rows) }
}

/// Rows of one width that grow at the end.
struct CachedRows {
  private let width: Int
  private let headSize: Int
  private let format: NumericFormat?
  /// Full precision: capacity rows, of which `rowCount` are in use.
  private var buffer: Tensor
  /// Quantized: one matrix per append, a row per token and head.
  private var chunks: [PackedMatrix] = []
  private(set) var rowCount = 0

  init(width: Int, headSize: Int, format: NumericFormat?) {
    self.width = width
    self.headSize = headSize
    self.format = format
    buffer = Tensor.zeros([0, width])
  }

  var byteCount: Int { chunks.reduce(buffer.count * 4) { $0 + $1.byteCount } }

  var rows: Tensor {
    if format == nil { return buffer.rows(0..<rowCount) }
    return Tensor.stackingRows(chunks.map { $0.unpacked() }).reshaped(to: [rowCount, width])
  }

  mutating func append(_ x: Tensor) {
    precondition(!x.isTracked, "A cache keeps no gradients; run the block without a state to differentiate it.")
    precondition(x.columns == width, "A cache of width \(width) does not take rows of \(x.shape).")
    if let format {
      let heads = x.reshaped(to: [x.count / headSize, headSize])
      chunks.append(Quantizer(format: format).pack(heads))
    } else {
      if rowCount + x.rowCount > buffer.rowCount { grow(to: max(rowCount + x.rowCount, 2 * buffer.rowCount)) }
      let start = rowCount * width
      buffer.withUnsafeMutableBufferPointer { out in
        x.withUnsafeBufferPointer { source in for i in source.indices { out[start + i] = source[i] } }
      }
    }
    rowCount += x.rowCount
  }

  private mutating func grow(to capacity: Int) {
    let old = buffer
    buffer = Tensor(shape: [capacity, width]) { out in
      old.withUnsafeBufferPointer { source in
        for i in 0..<rowCount * width { out[i] = source[i] }
        for i in rowCount * width..<out.count { out[i] = 0 }
      }
    }
  }
}

import WalshFormats
import WalshTensor

/// The keys and values of the tokens so far, in full precision or quantized.
public final class KeyValueCache: DecoderState {
  /// The keys, as attention reads them.
  public private(set) var keys: CachedRows
  /// The values, as attention reads them.
  public private(set) var values: CachedRows

  /// - Parameters:
  ///   - width: keyHeads · headSize.
  ///   - headSize: the size of a head, the group of a quantized cache.
  ///   - stage: how keys and values are rounded.
  public init(width: Int, headSize: Int, stage: KeyStage) {
    keys = CachedRows(width: width, headSize: headSize, quantizer: stage.keys?.quantizer)
    values = CachedRows(width: width, headSize: headSize, quantizer: stage.values?.quantizer)
  }

  /// A cache of one format; nil for full precision.
  public convenience init(width: Int, headSize: Int, format: NumericFormat?) {
    self.init(width: width, headSize: headSize, stage: KeyStage(cacheFormat: format))
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
}

/// Rows of one width that grow at the end, in memory that grows geometrically.
public struct CachedRows: AttentionOperand {
  public let columns: Int
  /// Full precision: capacity rows, of which `rowCount` are in use.
  private var buffer: Tensor
  /// Quantized: all rows.
  private var packed: PackedRows?
  public private(set) var rowCount = 0

  init(width: Int, headSize: Int, quantizer: Quantizer?) {
    columns = width
    buffer = Tensor.zeros([0, width])
    packed = quantizer.map { PackedRows($0, columns: width, headSize: headSize) }
  }

  /// Bytes in use, capacity included.
  var byteCount: Int { packed?.byteCount ?? buffer.count * MemoryLayout<Float>.stride }

  /// All rows in full precision, shape `[rowCount, columns]`.
  public func unpacked() -> Tensor { packed?.unpacked() ?? buffer.rows(0..<rowCount) }

  /// A head of some rows, decoded into `scratch` where the cache is quantized.
  public func withTile(
    rows: Range<Int>, columns: Range<Int>, scratch: UnsafeMutablePointer<Float>,
    _ body: (_ tile: UnsafePointer<Float>, _ stride: Int) -> Void
  ) {
    if let packed {
      packed.withTile(rows: rows, columns: columns, scratch: scratch, body)
    } else {
      buffer.withTile(rows: rows, columns: columns, scratch: scratch, body)
    }
  }

  mutating func append(_ x: Tensor) {
    precondition(!x.isTracked, "A cache keeps no gradients; run the block without a state to differentiate it.")
    precondition(x.columns == columns, "A cache of width \(columns) does not take rows of \(x.shape).")
    if packed != nil {
      packed?.append(x)
    } else {
      if rowCount + x.rowCount > buffer.rowCount { grow(to: max(rowCount + x.rowCount, 2 * buffer.rowCount)) }
      let start = rowCount * columns
      buffer.withUnsafeMutableBufferPointer { out in
        x.withUnsafeBufferPointer { source in for i in source.indices { out[start + i] = source[i] } }
      }
    }
    rowCount += x.rowCount
  }

  private mutating func grow(to capacity: Int) {
    let old = buffer
    buffer = Tensor(shape: [capacity, columns]) { out in
      old.withUnsafeBufferPointer { source in
        for i in 0..<rowCount * columns { out[i] = source[i] }
        for i in rowCount * columns..<out.count { out[i] = 0 }
      }
    }
  }
}

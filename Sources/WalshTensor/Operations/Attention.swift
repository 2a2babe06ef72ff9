/// Causal scaled dot-product attention with grouped key and value heads.
///
/// softmax(q·kᵀ·scale + mask)·v per head; query head h reads key head h / (heads / keyHeads).
public struct CausalAttention: Sendable {
  /// The number of query heads.
  public let heads: Int
  /// The number of key and value heads; it divides `heads`.
  public let keyHeads: Int
  /// The factor on q·kᵀ, usually 1/√headSize.
  public let scale: Float
  /// How many positions, itself included, a query may look back; nil for all.
  public let window: Int?

  public init(heads: Int, keyHeads: Int, scale: Float, window: Int? = nil) {
    precondition(keyHeads > 0 && heads % keyHeads == 0, "\(keyHeads) key heads do not divide \(heads) heads.")
    precondition(window.map { $0 > 0 } ?? true, "A window includes at least the query's own position.")
    self.heads = heads
    self.keyHeads = keyHeads
    self.scale = scale
    self.window = window
  }

  /// Query rows that one panel of scores holds.
  private static let panelRows = 64

  /// - Parameters:
  ///   - q: shape `[tokens, heads · d]`; row i has position `start + i`.
  ///   - k: shape `[positions, keyHeads · d]`, positions from 0.
  ///   - v: shape `[positions, keyHeads · d]`.
  ///   - start: the position of the first query; `start + tokens` may not exceed `positions`.
  /// - Returns: shape `[tokens, heads · d]`.
  /// - Complexity: tokens · positions · heads · d · 2 multiply-adds, 64 · positions values of scratch per thread.
  public func callAsFunction(_ q: Tensor, _ k: Tensor, _ v: Tensor, start: Int) -> Tensor {
    let tokens = q.rowCount
    let d = q.columns / heads
    let keyWidth = keyHeads * d
    precondition(q.columns == heads * d && d > 0, "\(heads) heads do not divide queries of shape \(q.shape).")
    precondition(
      start >= 0 && k.columns == keyWidth && v.columns == keyWidth && k.rowCount >= start + tokens
        && v.rowCount >= start + tokens,
      "Attention of q\(q.shape) at \(start) does not fit k\(k.shape), v\(v.shape).")
    let width = q.columns
    return Tensor(shape: [tokens, width]) { out in
      q.withUnsafeBufferPointer { q in
        k.withUnsafeBufferPointer { k in
          v.withUnsafeBufferPointer { v in
            guard let q = q.baseAddress, let k = k.baseAddress, let v = v.baseAddress, let out = out.baseAddress
            else { return }
            let panels = (tokens + Self.panelRows - 1) / Self.panelRows
            let work = 2 * min(tokens, Self.panelRows) * (start + tokens) * d
            Parallel.forEach(heads * panels, grain: 1 + 1_000_000 / max(1, work)) { item in
              let head = item / panels
              let keyColumn = head / (heads / keyHeads) * d
              let row = item % panels * Self.panelRows
              let rows = min(Self.panelRows, tokens - row)
              let first = window.map { max(0, start + row + 1 - $0) } ?? 0
              let span = start + row + rows - first
              withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * span) { scores in
                guard let s = scores.baseAddress else { return }
                BLAS.gemm(
                  transposeB: true, m: rows, n: span, k: d, alpha: scale, a: q + row * width + head * d, lda: width,
                  b: k + first * keyWidth + keyColumn, ldb: keyWidth, c: s, ldc: span)
                for i in 0..<rows {
                  let position = start + row + i
                  let visible = max(0, (window.map { position + 1 - $0 } ?? 0) - first)..<position + 1 - first
                  let line = UnsafeMutableBufferPointer(start: s + i * span, count: span)
                  softmaxInPlace(UnsafeMutableBufferPointer(rebasing: line[visible]))
                  for j in 0..<visible.lowerBound { line[j] = 0 }
                  for j in visible.upperBound..<span { line[j] = 0 }
                }
                BLAS.gemm(
                  m: rows, n: d, k: span, a: s, lda: span, b: v + first * keyWidth + keyColumn, ldb: keyWidth,
                  c: out + row * width + head * d, ldc: width)
              }
            }
          }
        }
      }
    }
  }
}

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

  /// Query rows that one panel of scores of the backward pass holds.
  private static let panelRows = 64

  /// - Parameters:
  ///   - q: shape `[tokens, heads · d]`; row i has position `start + i`.
  ///   - k: shape `[positions, keyHeads · d]`, positions from 0.
  ///   - v: shape `[positions, keyHeads · d]`.
  ///   - start: the position of the first query; `start + tokens` may not exceed `positions`.
  /// - Returns: shape `[tokens, heads · d]`.
  /// - Complexity: tokens · positions · heads · d · 2 multiply-adds, a few tiles of scratch per thread.
  public func callAsFunction(_ q: Tensor, _ k: Tensor, _ v: Tensor, start: Int) -> Tensor {
    mixtures(q, k, v, start: start).recorded(from: [q, k, v], operation: "CausalAttention") { inputs in
      { gradient, _ in gradients(inputs[0], inputs[1], inputs[2], start: start, gradient: gradient) }
    }
  }

  // MARK: Panels of scores

  /// A band of query rows of one head, with the keys that any of them sees.
  private struct Panel {
    /// The first query row, and the number of rows.
    let row, rows: Int
    /// The first key position, and the number of positions.
    let first, span: Int
    /// The position of the first query row.
    let position: Int
  }

  /// Panel `index` of `tokens` query rows.
  private func panel(_ index: Int, tokens: Int, start: Int) -> Panel {
    let row = index * Self.panelRows
    let rows = min(Self.panelRows, tokens - row)
    let first = window.map { max(0, start + row + 1 - $0) } ?? 0
    return Panel(row: row, rows: rows, first: first, span: start + row + rows - first, position: start + row)
  }

  /// Writes softmax(q·kᵀ·scale + mask) of a panel, `[rows, span]`; `q` and `k` point to its first query and key.
  private func weigh(
    _ panel: Panel, d: Int, _ q: UnsafePointer<Float>, _ width: Int, _ k: UnsafePointer<Float>, _ keyWidth: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    let span = panel.span
    BLAS.gemm(
      transposeB: true, m: panel.rows, n: span, k: d, alpha: scale, a: q, lda: width, b: k, ldb: keyWidth, c: scores,
      ldc: span)
    for i in 0..<panel.rows {
      let position = panel.position + i
      let visible = max(0, (window.map { position + 1 - $0 } ?? 0) - panel.first)..<position + 1 - panel.first
      let line = UnsafeMutableBufferPointer(start: scores + i * span, count: span)
      softmaxInPlace(UnsafeMutableBufferPointer(rebasing: line[visible]))
      for j in 0..<visible.lowerBound { line[j] = 0 }
      for j in visible.upperBound..<span { line[j] = 0 }
    }
  }

  // MARK: Gradients

  /// The gradients of queries, keys and values: panels of scores are computed again, so that no `[tokens, positions]`
  /// matrix is ever kept (Dao et al. 2022).
  ///
  /// With P the weights of a panel and G its output's gradient: ∂v += PᵀG; S = P ⊙ (G·vᵀ − rowsum(P ⊙ G·vᵀ)) · scale;
  /// ∂q = S·k; ∂k += Sᵀq. The items of the loop are the key heads, which own their columns of every gradient.
  private func gradients(_ q: Tensor, _ k: Tensor, _ v: Tensor, start: Int, gradient: Tensor) -> [Tensor?] {
    let tokens = q.rowCount
    let d = q.columns / heads
    let (width, keyWidth) = (q.columns, keyHeads * d)
    let panels = (tokens + Self.panelRows - 1) / Self.panelRows
    var (dq, dk, dv) = (Tensor.zeros(q.shape), Tensor.zeros(k.shape), Tensor.zeros(v.shape))
    dq.withUnsafeMutableBufferPointer { dq in
      dk.withUnsafeMutableBufferPointer { dk in
        dv.withUnsafeMutableBufferPointer { dv in
          Tensor.withPointers(q, k, v, gradient) { q, k, v, g in
            guard let dq = dq.baseAddress, let dk = dk.baseAddress, let dv = dv.baseAddress else { return }
            let work = 5 * tokens * (start + tokens) / 2 * d * (heads / keyHeads)
            Parallel.forEach(keyHeads, grain: 1 + 2_000_000 / max(1, work)) { keyHead in
              for item in 0..<panels * (heads / keyHeads) {
                let head = keyHead * (heads / keyHeads) + item / panels
                let panel = panel(item % panels, tokens: tokens, start: start)
                let (rows, span) = (panel.rows, panel.span)
                let queryOffset = panel.row * width + head * d
                let keyOffset = panel.first * keyWidth + keyHead * d
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * rows * span) { scratch in
                  guard let p = scratch.baseAddress else { return }
                  let s = p + rows * span
                  weigh(panel, d: d, q + queryOffset, width, k + keyOffset, keyWidth, into: p)
                  BLAS.gemm(
                    transposeA: true, m: span, n: d, k: rows, a: p, lda: span, b: g + queryOffset, ldb: width,
                    beta: 1,
                    c: dv + keyOffset, ldc: keyWidth)
                  BLAS.gemm(
                    transposeB: true, m: rows, n: span, k: d, a: g + queryOffset, lda: width, b: v + keyOffset,
                    ldb: keyWidth, c: s, ldc: span)
                  for i in 0..<rows {
                    let weights = UnsafeBufferPointer(start: p + i * span, count: span)
                    let line = UnsafeMutableBufferPointer(start: s + i * span, count: span)
                    let mean = Float(dotInLanes(weights, UnsafeBufferPointer(line)))
                    for j in line.indices { line[j] = weights[j] * (line[j] - mean) * scale }
                  }
                  BLAS.gemm(
                    m: rows, n: d, k: span, a: s, lda: span, b: k + keyOffset, ldb: keyWidth, c: dq + queryOffset,
                    ldc: width)
                  BLAS.gemm(
                    transposeA: true, m: span, n: d, k: rows, a: s, lda: span, b: q + queryOffset, ldb: width,
                    beta: 1,
                    c: dk + keyOffset, ldc: keyWidth)
                }
              }
            }
          }
        }
      }
    }
    return [dq, dk, dv]
  }
}

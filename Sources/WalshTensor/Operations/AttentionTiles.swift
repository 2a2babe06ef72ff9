import CKernels
import Foundation

/// Keys or values that attention reads a tile at a time: a tensor, or a cache that decodes them on the way.
public protocol AttentionOperand {
  /// The positions.
  var rowCount: Int { get }
  /// keyHeads · d.
  var columns: Int { get }

  /// Calls `body` with some columns of some rows, and the distance of the rows. Any thread may call it.
  ///
  /// - Parameters:
  ///   - rows: the positions.
  ///   - columns: a whole head.
  ///   - scratch: room for `rows.count · columns.count` values.
  func withTile(
    rows: Range<Int>, columns: Range<Int>, scratch: UnsafeMutablePointer<Float>,
    _ body: (_ tile: UnsafePointer<Float>, _ stride: Int) -> Void)
}

extension Tensor: AttentionOperand {
  /// The values as they lie in memory; `scratch` is not used.
  public func withTile(
    rows: Range<Int>, columns: Range<Int>, scratch: UnsafeMutablePointer<Float>,
    _ body: (_ tile: UnsafePointer<Float>, _ stride: Int) -> Void
  ) {
    withUnsafeBufferPointer { x in
      if let base = x.baseAddress { body(base + rows.lowerBound * self.columns + columns.lowerBound, self.columns) }
    }
  }
}

/// The forward pass: a running softmax over tiles of positions (Milakov and Gimelshein 2018; Dao et al. 2022).
///
/// All query heads that share a key head, and some tokens, make a panel; a tile of keys and values is read once for the
/// rows of a panel. Where the tokens are few, positions are cut into spans as well, each with a running softmax of its
/// own, which are put together at the end. What is cut where depends on the shapes alone.
extension CausalAttention {
  /// Query rows in a panel, unless a key head serves more.
  private static let panelRows = 64
  /// Positions in a span, where there is a single panel.
  private static let spanLength = 256

  /// Attention to keys and values that are no tensors, such as those of a quantized cache; otherwise as above.
  ///
  /// - Precondition: `q` is not tracked.
  public func callAsFunction(
    _ q: Tensor, _ k: some AttentionOperand, _ v: some AttentionOperand, start: Int
  ) -> Tensor {
    precondition(
      !q.isTracked, "Attention to a cache has no gradient; run the block without a state to differentiate it.")
    return mixtures(q, k, v, start: start)
  }

  func mixtures(_ q: Tensor, _ k: some AttentionOperand, _ v: some AttentionOperand, start: Int) -> Tensor {
    let tokens = q.rowCount
    let d = q.columns / heads
    precondition(q.columns == heads * d && d > 0, "\(heads) heads do not divide queries of shape \(q.shape).")
    precondition(
      start >= 0 && k.columns == keyHeads * d && v.columns == keyHeads * d
        && min(k.rowCount, v.rowCount) >= start + tokens,
      "Attention of q\(q.shape) at \(start) does not fit \(k.rowCount) × \(k.columns) keys and \(v.rowCount) × \(v.columns) values."
    )
    let cut = Cut(self, tokens: tokens, d: d, start: start)
    return Tensor(shape: [tokens, q.columns]) { out in
      q.withUnsafeBufferPointer { q in
        guard let q = q.baseAddress, let out = out.baseAddress, tokens > 0 else { return }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: cut.panelCount * cut.spans * cut.stateSize) {
          states in
          guard let states = states.baseAddress else { return }
          let work = 2 * cut.rows * cut.spanLength * d
          Parallel.forEach(cut.panelCount * cut.spans, grain: 1 + 300_000 / work) { item in
            attend(cut, panel: item / cut.spans, span: item % cut.spans, q, k, v, into: states + item * cut.stateSize)
          }
          Parallel.forEach(cut.panelCount, grain: 1 + 100_000 / (cut.spans * cut.stateSize)) { panel in
            combine(cut, panel: panel, states + panel * cut.spans * cut.stateSize, into: out)
          }
        }
      }
    }
  }

  /// How the work is cut. A state is what a panel has seen of a span: `rows` mixtures of d values, maxima, sums.
  private struct Cut {
    let d, start, tokens: Int
    /// The query heads of a key head, the tokens of a panel, and its rows: their product.
    let group, panelTokens, rows: Int
    /// The panels of a key head, and those of all.
    let panels, panelCount: Int
    /// The first position that any query sees; the spans that follow, and their length.
    let first, spans, spanLength: Int
    var stateSize: Int { rows * (d + 2) }

    init(_ attention: CausalAttention, tokens: Int, d: Int, start: Int) {
      (self.tokens, self.d, self.start) = (tokens, d, start)
      group = attention.heads / attention.keyHeads
      panelTokens = min(max(1, tokens), max(1, CausalAttention.panelRows / group))
      rows = panelTokens * group
      panels = (tokens + panelTokens - 1) / panelTokens
      panelCount = panels * attention.keyHeads
      first = attention.window.map { max(0, start + 1 - $0) } ?? 0
      let length = start + tokens - first
      spanLength = max(1, panels == 1 ? min(length, CausalAttention.spanLength) : length)
      spans = (length + spanLength - 1) / spanLength
    }

    /// The tokens of panel `index` of a key head.
    func tokens(ofPanel index: Int) -> Range<Int> {
      index * panelTokens..<min(tokens, (index + 1) * panelTokens)
    }
  }

  /// Writes the state of a panel after the positions of a span.
  private func attend(
    _ cut: Cut, panel: Int, span: Int, _ q: UnsafePointer<Float>, _ k: some AttentionOperand,
    _ v: some AttentionOperand, into state: UnsafeMutablePointer<Float>
  ) {
    let (d, group) = (cut.d, cut.group)
    let keyHead = panel / cut.panels
    let tokens = cut.tokens(ofPanel: panel % cut.panels)
    let rows = tokens.count * group
    let (maxima, sums) = (state + rows * d, state + rows * (d + 1))
    state.initialize(repeating: 0, count: rows * (d + 2))
    maxima.update(repeating: -.infinity, count: rows)
    let begin = cut.first + span * cut.spanLength
    let from = max(begin, window.map { cut.start + tokens.lowerBound + 1 - $0 } ?? 0)
    let to = min(begin + cut.spanLength, cut.start + tokens.upperBound)
    let tile = WALSH_ATTENTION_TILE
    withUnsafeTemporaryAllocation(of: Float.self, capacity: (rows + 2 * tile) * d) { scratch in
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * rows) { bounds in
        guard let queries = scratch.baseAddress, let lows = bounds.baseAddress else { return }
        let highs = lows + rows
        for (i, token) in tokens.enumerated() {
          let source = q + (token * heads + keyHead * group) * d
          for j in 0..<group * d { queries[i * group * d + j] = source[j] * scale }
        }
        var memory = walsh_attention(
          queries: queries, mixtures: state, maxima: maxima, sums: sums, rows: rows, d: d)
        for position in stride(from: from, to: to, by: tile) {
          let positions = position..<min(position + tile, to)
          for r in 0..<rows {
            let end = cut.start + tokens.lowerBound + r / group + 1 - position
            highs[r] = Int32(min(max(0, end), positions.count))
            lows[r] = Int32(window.map { min(max(0, end - $0), positions.count) } ?? 0)
          }
          let columns = keyHead * d..<(keyHead + 1) * d
          k.withTile(rows: positions, columns: columns, scratch: queries + rows * d) { keys, keyStride in
            v.withTile(rows: positions, columns: columns, scratch: queries + (rows + tile) * d) {
              values, valueStride in
              walsh_attend(
                InstructionSet.best.rawValue, &memory, keys, keyStride, values, valueStride, lows, highs,
                positions.count)
            }
          }
        }
      }
    }
  }

  /// Puts the spans of a panel together, in order: Σ exp(mₛ − m)·mixtureₛ / Σ exp(mₛ − m)·sumₛ with m the largest mₛ.
  private func combine(
    _ cut: Cut, panel: Int, _ states: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>
  ) {
    let (d, group) = (cut.d, cut.group)
    let tokens = cut.tokens(ofPanel: panel % cut.panels)
    let rows = tokens.count * group
    for r in 0..<rows {
      let token = tokens.lowerBound + r / group
      let y = out + (token * heads + panel / cut.panels * group + r % group) * d
      func maximum(_ span: Int) -> Float { states[span * cut.stateSize + rows * d + r] }
      var top = -Float.infinity
      for span in 0..<cut.spans where !(maximum(span) <= top) { top = maximum(span) }
      var total: Float = 0
      for span in 0..<cut.spans {
        let state = states + span * cut.stateSize
        // A span of which the row sees nothing has a maximum of −∞ and adds zeros.
        let weight = maximum(span) == -.infinity && top != -.infinity ? 0 : exp(maximum(span) - top)
        total += weight * state[rows * (d + 1) + r]
        for i in 0..<d { y[i] = (span == 0 ? 0 : y[i]) + weight * state[r * d + i] }
      }
      let factor = 1 / total
      for i in 0..<d { y[i] *= factor }
    }
  }
}

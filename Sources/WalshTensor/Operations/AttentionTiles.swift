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
    let cut = cut(q, k, v, start: start)
    return Tensor(shape: [cut.tokens, q.columns]) { out in
      q.withUnsafeBufferPointer { q in
        guard let q = q.baseAddress, let out = out.baseAddress, cut.tokens > 0 else { return }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: cut.itemCount * cut.stateSize) { states in
          guard let states = states.baseAddress else { return }
          Parallel.forEach(cut.itemCount, grain: cut.grain) { item in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: cut.scratchSize) { scratch in
              guard let scratch = scratch.baseAddress else { return }
              attend(cut, item: item, q, k, v, state: states + item * cut.stateSize, scratch: scratch)
            }
          }
          Parallel.forEach(cut.panelCount, grain: 1 + 100_000 / (cut.spans * cut.stateSize)) { panel in
            combine(cut, panel: panel, states, into: out)
          }
        }
      }
    }
  }

  /// Attention of one token, written over `out`, without any allocation once `scratch` is large enough: decoding.
  ///
  /// - Parameters:
  ///   - q: shape `[1, heads · d]`, at position `start`.
  ///   - k: shape `[positions, keyHeads · d]`, more than `start` positions; those behind it are not looked at.
  ///   - v: the shape of `k`.
  ///   - scratch: memory to work in; it grows with the positions.
  ///   - out: the shape of `q`.
  /// - Precondition: nothing is tracked.
  public func attend(
    _ q: UnsafeBufferPointer<Float>, _ k: Tensor, _ v: Tensor, start: Int, scratch: inout Tensor,
    into out: inout Tensor
  ) {
    let cut = Cut(self, tokens: 1, d: q.count / heads, start: start)
    precondition(
      q.count == heads * cut.d && out.count == q.count && k.columns == keyHeads * cut.d && v.columns == k.columns
        && min(k.rowCount, v.rowCount) > start,
      "Attention of \(q.count) values at \(start) does not fit \(k.shape) keys and \(v.shape) values.")
    let size = cut.stateSize + cut.scratchSize
    if scratch.count < cut.itemCount * size { scratch = Tensor.zeros([2 * cut.itemCount * size]) }
    scratch.withUnsafeMutableBufferPointer { memory in
      out.withUnsafeMutableBufferPointer { out in
        k.withUnsafeBufferPointer { k in
          v.withUnsafeBufferPointer { v in
            guard let q = q.baseAddress, let k = k.baseAddress, let v = v.baseAddress, let out = out.baseAddress,
              let memory = memory.baseAddress
            else { return }
            let (keys, values) = (Rows(base: k, columns: keyHeads * cut.d), Rows(base: v, columns: keyHeads * cut.d))
            Parallel.forEach(
              cut.itemCount, grain: cut.grain,
              sharing: (attention: self, cut: cut, q: q, keys: keys, values: values, memory: memory)
            ) { job, items in
              let cut = job.cut
              for item in items {
                job.attention.attend(
                  cut, item: item, job.q, job.keys, job.values, state: job.memory + item * cut.stateSize,
                  scratch: job.memory + cut.itemCount * cut.stateSize + item * cut.scratchSize)
              }
            }
            for panel in 0..<cut.panelCount { combine(cut, panel: panel, memory, into: out) }
          }
        }
      }
    }
  }

  /// Keys or values in full precision, by pointer.
  private struct Rows: AttentionOperand, @unchecked Sendable {
    let base: UnsafePointer<Float>
    let columns: Int
    var rowCount: Int { .max }

    func withTile(
      rows: Range<Int>, columns: Range<Int>, scratch: UnsafeMutablePointer<Float>,
      _ body: (_ tile: UnsafePointer<Float>, _ stride: Int) -> Void
    ) {
      body(base + rows.lowerBound * self.columns + columns.lowerBound, self.columns)
    }
  }

  private func cut(_ q: Tensor, _ k: some AttentionOperand, _ v: some AttentionOperand, start: Int) -> Cut {
    let tokens = q.rowCount
    let d = q.columns / heads
    precondition(q.columns == heads * d && d > 0, "\(heads) heads do not divide queries of shape \(q.shape).")
    precondition(
      start >= 0 && k.columns == keyHeads * d && v.columns == keyHeads * d
        && min(k.rowCount, v.rowCount) >= start + tokens,
      "Attention of q\(q.shape) at \(start) does not fit \(k.rowCount) × \(k.columns) keys and \(v.rowCount) × \(v.columns) values."
    )
    return Cut(self, tokens: tokens, d: d, start: start)
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
    /// The items are the spans of the panels.
    var itemCount: Int { panelCount * spans }
    var stateSize: Int { rows * (d + 2) }
    /// What an item works in: its queries, and a tile of keys and one of values that may have to be decoded.
    var scratchSize: Int { (rows + 2 * WALSH_ATTENTION_TILE) * d }
    /// The items worth a thread of their own: about 10 µs, for in decoding the threads are awake.
    var grain: Int { 1 + 200_000 / (2 * rows * spanLength * d) }

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
    _ cut: Cut, item: Int, _ q: UnsafePointer<Float>, _ k: some AttentionOperand, _ v: some AttentionOperand,
    state: UnsafeMutablePointer<Float>, scratch queries: UnsafeMutablePointer<Float>
  ) {
    let (panel, span) = (item / cut.spans, item % cut.spans)
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
    for (i, token) in tokens.enumerated() {
      let source = q + (token * heads + keyHead * group) * d
      for j in 0..<group * d { queries[i * group * d + j] = source[j] * scale }
    }
    var seen = walsh_attention(queries: queries, mixtures: state, maxima: maxima, sums: sums, rows: rows, d: d)
    // A row sees the positions up to its own: two bounds for each.
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * rows) { bounds in
      guard let lows = bounds.baseAddress else { return }
      let highs = lows + rows
      for position in stride(from: from, to: to, by: tile) {
        let positions = position..<min(position + tile, to)
        for r in 0..<rows {
          let end = cut.start + tokens.lowerBound + r / group + 1 - position
          highs[r] = Int32(min(max(0, end), positions.count))
          lows[r] = Int32(window.map { min(max(0, end - $0), positions.count) } ?? 0)
        }
        let columns = keyHead * d..<(keyHead + 1) * d
        k.withTile(rows: positions, columns: columns, scratch: queries + rows * d) { keys, keyStride in
          v.withTile(rows: positions, columns: columns, scratch: queries + (rows + tile) * d) { values, valueStride in
            walsh_attend(
              InstructionSet.best.rawValue, &seen, keys, keyStride, values, valueStride, lows, highs, positions.count)
          }
        }
      }
    }
  }

  /// Puts the spans of a panel together.
  private func combine(
    _ cut: Cut, panel: Int, _ memory: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>
  ) {
    let (d, group) = (cut.d, cut.group)
    let tokens = cut.tokens(ofPanel: panel % cut.panels)
    let head = panel / cut.panels * group
    walsh_combine_spans(
      InstructionSet.best.rawValue, memory + panel * cut.spans * cut.stateSize, cut.spans, cut.stateSize,
      tokens.count * group, d, group, out + (tokens.lowerBound * heads + head) * d, heads * d)
  }
}

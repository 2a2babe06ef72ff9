import WalshTensor

extension CausalAttention {
  /// Attention inside each of several texts of one length, all seen from their beginning.
  ///
  /// Texts are independent of each other and computed in parallel, forwards and backwards.
  ///
  /// - Parameters:
  ///   - q: shape `[texts, tokens, heads · d]`, or `[tokens, heads · d]` for one text.
  ///   - k: shape `[texts, tokens, keyHeads · d]`, or without the first axis.
  ///   - v: the shape of `k`.
  /// - Returns: the shape of `q`.
  func insideTexts(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> Tensor {
    guard q.rank == 3 else { return self(q, k, v, start: 0) }
    let isTracked = [q, k, v].contains { $0.isTracked }
    let inputs = [q, k, v].map { $0.detached() }
    // Each text has a graph of its own, which waits in the pullback: nothing is computed twice, and a text's gradient is
    // never spread over a tensor of all texts.
    let texts = mapInParallel(q.shape[0]) { i in
      let parts = inputs.map { isTracked ? $0.row(i).tracked() : $0.row(i) }
      return (parts, self(parts[0], parts[1], parts[2], start: 0))
    }
    let mixture = Tensor.stackingRows(texts.map { $0.1.detached() }).reshaped(to: q.shape)
    return mixture.recorded(from: [q, k, v], operation: "insideTexts") { inputs in
      let shapes = inputs.map(\.shape)
      return { gradient, _ in
        let parts = mapInParallel(texts.count) { i in texts[i].1.gradients(of: texts[i].0, seed: gradient.row(i)) }
        return shapes.indices.map { j in Tensor.stackingRows(parts.map { $0[j] }).reshaped(to: shapes[j]) }
      }
    }
  }
}

/// The results of `body` for 0..<`count` in order, computed in parallel.
private func mapInParallel<Result: Sendable>(_ count: Int, _ body: (Int) -> Result) -> [Result] {
  [Result?](unsafeUninitializedCapacity: count) { results, initialized in
    for i in 0..<count { (results.baseAddress! + i).initialize(to: nil) }
    nonisolated(unsafe) let results = results
    Parallel.forEach(count) { results[$0] = body($0) }
    initialized = count
  }.compactMap(\.self)
}

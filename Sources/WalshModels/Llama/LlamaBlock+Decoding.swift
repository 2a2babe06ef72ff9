import WalshFormats
import WalshTensor

/// One token's way through a block: what `callAsFunction` computes with a state, in the workspace's memory.
extension LlamaBlock {
  /// Replaces the residual stream in `workspace`, a row for one token, by the one behind this block, and remembers the token
  /// in `state`: the bits of `callAsFunction`.
  public func advance(_ workspace: DecodeWorkspace, state: any DecoderState) {
    guard let cache = state as? KeyValueCache else {
      preconditionFailure("A Llama block keeps its state in a key-value cache.")
    }
    let epsilon = configuration.normEpsilon
    workspace.normalize(by: inputNorm, epsilon: epsilon)
    projections[0](&workspace.normed, &workspace.rows, into: &workspace.heads)
    attend(workspace, cache)
    projections[1](&workspace.mixture, &workspace.rows, into: &workspace.written)
    workspace.addToStream()
    workspace.normalize(by: middleNorm, epsilon: epsilon)
    projections[2](&workspace.normed, &workspace.rows, into: &workspace.gates)
    workspace.gated.makeRow(workspace.gates.count / 2)
    workspace.gates.gateHalves(by: configuration.activation, into: &workspace.gated)
    projections[3](&workspace.gated, &workspace.rows, into: &workspace.written)
    workspace.addToStream()
  }

  /// From q, k and v, one behind the other, to the mixture of values.
  private func attend(_ workspace: DecodeWorkspace, _ cache: KeyValueCache) {
    let position = cache.tokenCount
    let queryCount = configuration.headCount * configuration.headSize
    let keyCount = configuration.keyValueHeadCount * configuration.headSize
    placeHeads(workspace, queryCount: queryCount, keyCount: keyCount, position: position)
    workspace.heads.withUnsafeBufferPointer { heads in
      let key = UnsafeBufferPointer(rebasing: heads[queryCount..<queryCount + keyCount])
      let value = UnsafeBufferPointer(rebasing: heads[(queryCount + keyCount)...])
      cache.append(key: key, value: value)
      let query = UnsafeBufferPointer(rebasing: heads[..<queryCount])
      guard let keys = cache.keys.plain, let values = cache.values.plain else {
        workspace.mixture = attention(
          Tensor(Array(query), shape: [1, queryCount]), cache.keys, cache.values, start: position)
        return
      }
      workspace.mixture.makeRow(queryCount)
      attention.attend(
        query, keys, values, start: position, scratch: &workspace.attention, into: &workspace.mixture)
    }
  }

  /// Normalises, turns and transforms the heads of q and k in place.
  private func placeHeads(_ workspace: DecodeWorkspace, queryCount: Int, keyCount: Int, position: Int) {
    if queryNorm != nil || keyNorm != nil || keyStage.queryTransform != nil || keyStage.keyTransform != nil {
      let heads = workspace.heads
      let positions = position..<position + 1
      let q = keyStage.transformQueries(
        placed(heads.rows(0..<queryCount).reshaped(to: [1, queryCount]), norm: queryNorm, positions: positions))
      let k = keyStage.transformKeys(
        placed(
          heads.rows(queryCount..<queryCount + keyCount).reshaped(to: [1, keyCount]), norm: keyNorm,
          positions: positions))
      workspace.heads.withUnsafeMutableBufferPointer { heads in
        q.withUnsafeBufferPointer { for i in $0.indices { heads[i] = $0[i] } }
        k.withUnsafeBufferPointer { for i in $0.indices { heads[queryCount + i] = $0[i] } }
      }
      return
    }
    workspace.turnHeads(inFirst: queryCount + keyCount, by: rotary, to: position)
  }
}

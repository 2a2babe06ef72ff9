import WalshModels
import WalshTensor
import WalshTransforms

/// Moves transforms into weights without changing what a block computes.
extension BlockWeights {
  /// Multiplies the columns of every layer behind an RMS norm by the norm's weight, which becomes one: a norm without
  /// weights commutes with rotations. W ← W·diag(γ), γ ← 1.
  mutating func foldNorms(of groups: [LinearGroup]) throws {
    for group in groups {
      guard case .norm(let name) = group.source else { continue }
      let gamma = try tensor(name)
      for layer in group.layers { try update(layer + ".weight") { $0.scalingColumns(by: gamma) } }
      try update(name) { Tensor(shape: $0.shape, repeating: 1) }
    }
  }

  /// Rotates the residual stream by the orthogonal R: readers W ← W·R, writers W ← Rᵀ·W and b ← b·R.
  mutating func rotateResidual(
    by rotation: any LinearTransform, readers: [LinearGroup], writers: [String]
  ) throws {
    for group in readers {
      guard case .norm = group.source else { continue }
      for layer in group.layers { try update(layer + ".weight") { $0.transformed(by: rotation) } }
    }
    for layer in writers { try transformOutput(of: layer, by: rotation) }
  }

  /// Applies P to the activation of `group`, x ← x·P: what the group's source can absorb is folded, the rest is online.
  /// The group's layers take W ← W·P⁻ᵀ in any case.
  mutating func apply(_ transform: any LinearTransform, to group: LinearGroup) throws {
    let inverse = transform.inverseTranspose
    for layer in group.layers { try update(layer + ".weight") { $0.transformed(by: inverse) } }
    var rest = (transform as? CompositeTransform)?.parts ?? [transform]
    while let first = rest.first, try absorb(first, in: group.source) { rest.removeFirst() }
    if !rest.isEmpty { online[group.id] = rest.count == 1 ? rest[0] : CompositeTransform(rest) }
  }

  /// Folds P into what produces an activation; false when the source cannot absorb it.
  private mutating func absorb(_ transform: any LinearTransform, in source: LinearGroup.Source) throws -> Bool {
    switch source {
    case .norm(let name):
      guard let diagonal = transform as? DiagonalTransform else { return false }
      try update(name) { $0 * Tensor(diagonal.scales) }
    case .gatedProduct(let producer):
      guard let diagonal = transform as? DiagonalTransform else { return false }
      try transformOutput(of: producer, by: diagonal)
    case .valueHeads(let producer, let heads, let keyHeads, let headSize):
      guard let ofKeyHeads = transform.restricted(from: heads, to: keyHeads, headSize: headSize) else { return false }
      try transformOutput(of: producer, by: ofKeyHeads)
    }
    return true
  }

  /// y ← y·P for the output of a layer: W ← Pᵀ·W, b ← b·P.
  private mutating func transformOutput(of layer: String, by transform: any LinearTransform) throws {
    try update(layer + ".weight") { $0.transposed().transformed(by: transform).transposed() }
    updateIfPresent(layer + ".bias") {
      $0.reshaped(to: [1, $0.count]).transformed(by: transform).reshaped(to: $0.shape)
    }
  }
}

extension LinearTransform {
  /// The map of the value heads that has the effect of this map of the query heads' mixtures; nil when there is none.
  ///
  /// A mixture is linear in the values, so one map of a head, the same for all heads, can act before it. A diagonal can
  /// too when the heads that share a value head agree.
  func restricted(from heads: Int, to keyHeads: Int, headSize: Int) -> (any LinearTransform)? {
    if let diagonal = self as? BlockDiagonalTransform, diagonal.blocks.count == 1,
      headSize % diagonal.blocks[0].dimension == 0
    {
      let block = diagonal.blocks[0]
      return BlockDiagonalTransform(block: block, count: keyHeads * headSize / block.dimension)
    }
    guard let diagonal = self as? DiagonalTransform else { return nil }
    let shared = heads / keyHeads * headSize
    let scales = diagonal.scales
    var kept: [Float] = []
    for keyHead in 0..<keyHeads {
      let first = scales[keyHead * shared..<keyHead * shared + headSize]
      for head in 0..<heads / keyHeads {
        let start = keyHead * shared + head * headSize
        guard scales[start..<start + headSize].elementsEqual(first) else { return nil }
      }
      kept += first
    }
    return DiagonalTransform(kept)
  }
}

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
    let parts = (transform as? CompositeTransform)?.parts ?? [transform]
    let rest = group.source.rest(of: transform)
    for part in parts.dropLast(rest.count) { try absorb(part, in: group.source) }
    if !rest.isEmpty { online[group.id] = rest.count == 1 ? rest[0] : CompositeTransform(rest) }
  }

  /// Folds P, which the source absorbs, into what produces an activation.
  private mutating func absorb(_ transform: any LinearTransform, in source: LinearGroup.Source) throws {
    guard let folded = source.absorbed(transform) else { return }
    switch source {
    case .norm(let name): try update(name) { $0.transformed(by: folded) }
    case .gatedProduct(let producer), .valueHeads(let producer, _, _, _):
      try transformOutput(of: producer, by: folded)
    case .projection(let producer, let rows): try transformOutput(of: producer, rows: rows, by: folded)
    case .convolution, .gatedScan: preconditionFailure("\(source) absorbs nothing.")
    }
  }

  /// y ← y·P for the output of a layer: W ← Pᵀ·W, b ← b·P.
  private mutating func transformOutput(of layer: String, by transform: any LinearTransform) throws {
    try update(layer + ".weight") { $0.transformingOutputs(by: transform) }
    updateIfPresent(layer + ".bias") {
      $0.reshaped(to: [$0.count, 1]).transformingOutputs(by: transform).reshaped(to: $0.shape)
    }
  }

  /// y ← y·P for those outputs of a layer that are made by `rows` of its weight.
  private mutating func transformOutput(
    of layer: String, rows: Range<Int>, by transform: any LinearTransform
  ) throws {
    func change(_ weight: Tensor) -> Tensor {
      Tensor.stackingRows([
        weight.rows(0..<rows.lowerBound), weight.rows(rows).transformingOutputs(by: transform),
        weight.rows(rows.upperBound..<weight.rowCount),
      ])
    }
    try update(layer + ".weight", change)
    updateIfPresent(layer + ".bias") { change($0.reshaped(to: [$0.count, 1])).reshaped(to: $0.shape) }
  }
}

extension Tensor {
  /// Pᵀ·W: the weight whose outputs are those of this one, times P.
  fileprivate func transformingOutputs(by transform: any LinearTransform) -> Tensor {
    transposed().transformed(by: transform).transposed()
  }
}

extension LinearGroup.Source {
  /// The transform of what produces the activation that has the effect of `transform` on the activation; nil when there is
  /// none and it has to act at run time.
  ///
  /// A norm's weight and one factor of an element-wise product absorb diagonals, a projection anything. Attention's mixtures
  /// of value heads absorb what `restricted` gives.
  func absorbed(_ transform: any LinearTransform) -> (any LinearTransform)? {
    switch self {
    case .norm, .gatedProduct: transform as? DiagonalTransform
    case .valueHeads(_, let heads, let keyHeads, let headSize):
      transform.restricted(from: heads, to: keyHeads, headSize: headSize)
    case .projection: transform
    case .convolution, .gatedScan: nil
    }
  }

  /// The parts of `transform` that have to act at run time: all behind the first that the source does not absorb.
  func rest(of transform: any LinearTransform) -> [any LinearTransform] {
    let parts = (transform as? CompositeTransform)?.parts ?? [transform]
    return Array(parts.drop { absorbed($0) != nil })
  }
}

extension LinearTransform {
  /// The map of the value heads that has the effect of this map of the query heads' mixtures; nil when there is none.
  ///
  /// A mixture is linear in the values, so one map of a head, the same for all heads, can act before it. A diagonal, or
  /// blocks that divide heads, can too when the heads that share a value head agree.
  func restricted(from heads: Int, to keyHeads: Int, headSize: Int) -> (any LinearTransform)? {
    if let diagonal = self as? BlockDiagonalTransform, diagonal.blocks.count == 1,
      headSize % diagonal.blocks[0].dimension == 0
    {
      let block = diagonal.blocks[0]
      return BlockDiagonalTransform(block: block, count: keyHeads * headSize / block.dimension)
    }
    if let diagonal = self as? BlockDiagonalTransform { return diagonal.agreed(by: heads, for: keyHeads, headSize) }
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

extension BlockDiagonalTransform {
  /// The blocks of one query head for every value head; nil when its query heads differ, or blocks do not divide heads.
  fileprivate func agreed(by heads: Int, for keyHeads: Int, _ headSize: Int) -> (any LinearTransform)? {
    let size = blocks[0].dimension
    guard blocks.count * size == heads * headSize, headSize % size == 0,
      blocks.allSatisfy({ $0.dimension == size })
    else { return nil }
    let (perHead, shared) = (headSize / size, heads / keyHeads)
    var kept: [any LinearTransform] = []
    for keyHead in 0..<keyHeads {
      for place in 0..<perHead {
        let same = (0..<shared).map { blocks[(keyHead * shared + $0) * perHead + place] }
        let matrix = same[0].matrix()
        guard same.dropFirst().allSatisfy({ $0.matrix() == matrix }) else { return nil }
        kept.append(same[0])
      }
    }
    return BlockDiagonalTransform(blocks: kept)
  }
}

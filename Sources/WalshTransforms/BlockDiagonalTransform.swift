import WalshTensor

/// P = diag(B₁, B₂, …): consecutive groups of channels, each transformed on its own.
public struct BlockDiagonalTransform: LinearTransform {
  /// The blocks B₁, B₂, …, or the one block that all groups share.
  public let blocks: [any LinearTransform]
  /// How many times `blocks` follow each other.
  public let count: Int

  /// The same block for every group: P = I ⊗ B.
  ///
  /// - Parameters:
  ///   - block: the transform of one group.
  ///   - count: how many groups there are, at least 1.
  public init(block: any LinearTransform, count: Int) {
    precondition(count > 0, "A block-diagonal transform has at least one block, not \(count).")
    blocks = [block]
    self.count = count
  }

  /// A block of its own for every group.
  ///
  /// - Parameter blocks: at least one; their dimensions may differ.
  public init(blocks: [any LinearTransform]) {
    precondition(!blocks.isEmpty, "A block-diagonal transform has at least one block.")
    self.blocks = blocks
    count = 1
  }

  private var period: Int { blocks.reduce(0) { $0 + $1.dimension } }

  public var dimension: Int { period * count }
  public var isOrthogonal: Bool { blocks.allSatisfy(\.isOrthogonal) }
  public var flopsPerRow: Int { blocks.reduce(0) { $0 + $1.flopsPerRow } * count }

  public func apply(to x: inout Tensor) {
    checkShape(x)
    let rows = x.rowCount * count
    x.withShape([rows, period]) { x in
      if blocks.count == 1 { return blocks[0].apply(to: &x) }
      var start = 0
      for block in blocks {
        var part = x.columnSlice(start..<start + block.dimension)
        block.apply(to: &part)
        x.replaceColumns(start..<start + block.dimension, with: part)
        start += block.dimension
      }
    }
  }

  public var inverse: any LinearTransform { map(\.inverse) }
  public var transpose: any LinearTransform { map(\.transpose) }

  public var description: String {
    let list = blocks.count > 3 ? "\(blocks.count) blocks" : blocks.map(\.description).joined(separator: ", ")
    return count == 1 ? "diag(\(list))" : "\(count) × (\(list))"
  }

  private func map(_ change: (any LinearTransform) -> any LinearTransform) -> BlockDiagonalTransform {
    BlockDiagonalTransform(blocks: blocks.map(change), count: count)
  }

  private init(blocks: [any LinearTransform], count: Int) {
    self.blocks = blocks
    self.count = count
  }
}

extension Tensor {
  /// The columns `range` of a matrix, copied.
  fileprivate func columnSlice(_ range: Range<Int>) -> Tensor {
    Tensor(shape: [rowCount, range.count]) { out in
      withUnsafeBufferPointer { x in
        guard let from = x.baseAddress, let to = out.baseAddress else { return }
        for r in 0..<rowCount {
          (to + r * range.count).initialize(from: from + r * columns + range.lowerBound, count: range.count)
        }
      }
    }
  }

  /// Writes `part` over the columns `range` of a matrix.
  fileprivate mutating func replaceColumns(_ range: Range<Int>, with part: Tensor) {
    let (rows, n) = (rowCount, columns)
    withUnsafeMutableBufferPointer { x in
      part.withUnsafeBufferPointer { q in
        guard let to = x.baseAddress, let from = q.baseAddress else { return }
        for r in 0..<rows {
          (to + r * n + range.lowerBound).update(from: from + r * range.count, count: range.count)
        }
      }
    }
  }
}

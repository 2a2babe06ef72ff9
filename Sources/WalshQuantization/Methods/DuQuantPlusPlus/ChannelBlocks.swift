import WalshTensor
import WalshTransforms

/// Consecutive blocks of `size` channels, as block formats group them; the last is shorter where they do not divide the
/// width.
struct ChannelBlocks: Sendable, Hashable {
  /// The channels in all.
  let width: Int
  /// The channels of a block.
  let size: Int

  /// The blocks that are not shorter.
  var wholeCount: Int { width / size }
  /// The channels of the shorter block behind them; 0 when there is none.
  var rest: Int { width % size }

  /// The channels of every block.
  var ranges: [Range<Int>] {
    stride(from: 0, to: width, by: size).map { $0..<min($0 + size, width) }
  }

  /// The map that acts on every whole block as `block` and on the shorter one as `last`.
  ///
  /// - Parameters:
  ///   - block: of dimension `size`; asked for only when there are whole blocks.
  ///   - last: of dimension `rest`; asked for only when there is a rest.
  func transform(
    repeating block: () throws -> any LinearTransform, last: () throws -> any LinearTransform
  ) rethrows -> any LinearTransform {
    guard wholeCount > 0 else { return try last() }
    let whole = BlockDiagonalTransform(block: try block(), count: wholeCount)
    return rest == 0 ? whole : BlockDiagonalTransform(blocks: [whole, try last()])
  }

  /// The map that acts on each block as its own element of `blocks`.
  func transform(_ blocks: [any LinearTransform]) -> any LinearTransform {
    blocks.count == 1 ? blocks[0] : BlockDiagonalTransform(blocks: blocks)
  }
}

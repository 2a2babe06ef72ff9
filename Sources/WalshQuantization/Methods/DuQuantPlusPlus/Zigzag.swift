import WalshTransforms

/// The permutation that gives every block of channels as many outliers of each size.
///
/// Channels are dealt to the blocks in descending order of their maxima, from the first block to the last, back to the
/// first, and so on; within a block they stay in descending order.
///
/// Source: Lin et al., arXiv 2406.01721, section 3.
enum Zigzag {
  /// - Parameters:
  ///   - maxima: the largest magnitude of each channel; the first of equals counts as the larger.
  ///   - blocks: the blocks; a shorter one takes part until it is full.
  static func permutation(_ maxima: [Float], _ blocks: ChannelBlocks) -> PermutationTransform {
    let descending = maxima.indices.sorted { (maxima[$0], -$0) > (maxima[$1], -$1) }
    let sizes = blocks.ranges.map(\.count)
    var dealt = sizes.map { _ in [Int]() }
    var turns = descending.makeIterator()
    var (order, next) = (Array(sizes.indices), turns.next())
    while next != nil {
      for block in order where dealt[block].count < sizes[block] {
        guard let channel = next else { break }
        dealt[block].append(channel)
        next = turns.next()
      }
      order.reverse()
    }
    return PermutationTransform(dealt.flatMap(\.self))
  }
}

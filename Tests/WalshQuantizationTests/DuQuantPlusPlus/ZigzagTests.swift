import Testing
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("The zigzag permutation")
struct ZigzagTests {
  @Test("5. Eight channels a ≥ b ≥ … ≥ h in two blocks become {a, d, e, h} and {b, c, f, g}")
  func golden() {
    let (a, b, c, d, e, f, g, h) = (0, 1, 2, 3, 4, 5, 6, 7)
    let descending: [Float] = [8, 7, 6, 5, 4, 3, 2, 1]
    let blocks = ChannelBlocks(width: 8, size: 4)
    #expect(Zigzag.permutation(descending, blocks).sources == [a, d, e, h, b, c, f, g])
    // The same by magnitude, wherever the channels stand.
    #expect(Zigzag.permutation(descending.reversed(), blocks).sources == [7, 4, 3, 0, 6, 5, 2, 1])
  }

  @Test("Turning blocks receive two channels in a row")
  func turns() {
    let maxima = (0..<12).map { Float(12 - $0) }
    #expect(
      Zigzag.permutation(maxima, ChannelBlocks(width: 12, size: 4)).sources
        == [0, 5, 6, 11, 1, 4, 7, 10, 2, 3, 8, 9])
  }

  @Test("5. It is a bijection, also with a shorter last block and equal maxima", arguments: [4, 5, 7, 24, 86, 172])
  func bijection(_ size: Int) {
    let maxima = normal([172], "zigzag").map { ($0 * 4).rounded() }.values
    let permutation = Zigzag.permutation(maxima, ChannelBlocks(width: 172, size: size))
    #expect(permutation.sources.sorted() == Array(0..<172))
    // Within a block the maxima descend.
    for range in ChannelBlocks(width: 172, size: size).ranges {
      let block = range.map { maxima[permutation.sources[$0]] }
      #expect(zip(block, block.dropFirst()).allSatisfy { $0 >= $1 })
    }
  }

  @Test("It equalises the blocks")
  func equalises() {
    let maxima = (0..<128).map { Float($0) }
    let sources = Zigzag.permutation(maxima, ChannelBlocks(width: 128, size: 32)).sources
    let sums = (0..<4).map { block in sources[block * 32..<block * 32 + 32].map { maxima[$0] }.reduce(0, +) }
    #expect(sums == [2032, 2032, 2032, 2032])
  }
}

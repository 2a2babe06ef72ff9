import CKernels
import Foundation
import TestSupport
import Testing
import WalshTensor

@Suite("Attention kernel")
struct AttentionKernelTests {
  /// Rows that have seen some tiles, and what the definition in Float64 gives.
  struct Run {
    var result: [Double] = []
    var expected: [Double] = []

    /// Row r sees the positions from `r % 3` in the first tile to `4 * r` in the last.
    init(isa: InstructionSet, rows: Int, d: Int, tiles: Int, positions: Int) {
      let q = normal([rows, d], "q")
      let k = normal([tiles * positions, d + 3], "k")
      let v = normal([tiles * positions, d + 1], "v")
      var mixtures = [Float](repeating: 0, count: rows * d)
      var maxima = [Float](repeating: -.infinity, count: rows)
      var sums = [Float](repeating: 0, count: rows)
      func low(_ row: Int, _ tile: Int) -> Int { tile == 0 ? min(row % 3, positions) : 0 }
      func high(_ row: Int, _ tile: Int) -> Int { tile == tiles - 1 ? min(4 * row, positions) : positions }
      q.withUnsafeBufferPointer { q in
        k.withUnsafeBufferPointer { k in
          v.withUnsafeBufferPointer { v in
            mixtures.withUnsafeMutableBufferPointer { mixtures in
              maxima.withUnsafeMutableBufferPointer { maxima in
                sums.withUnsafeMutableBufferPointer { sums in
                  var state = walsh_attention(
                    queries: q.baseAddress, mixtures: mixtures.baseAddress, maxima: maxima.baseAddress,
                    sums: sums.baseAddress, rows: rows, d: d)
                  for tile in 0..<tiles {
                    walsh_attend(
                      isa.rawValue, &state, k.baseAddress! + tile * positions * (d + 3), d + 3,
                      v.baseAddress! + tile * positions * (d + 1), d + 1, (0..<rows).map { Int32(low($0, tile)) },
                      (0..<rows).map { Int32(high($0, tile)) }, positions)
                  }
                }
              }
            }
          }
        }
      }
      for row in 0..<rows {
        let seen = (0..<tiles).flatMap { tile in
          low(row, tile) < high(row, tile)
            ? (low(row, tile)..<high(row, tile)).map { tile * positions + $0 } : []
        }
        let scores = seen.map { p in (0..<d).reduce(0.0) { $0 + Double(q[row, $1]) * Double(k[p, $1]) } }
        let weights = scores.map { exp($0 - scores.max()!) }
        let total = weights.reduce(0, +)
        for i in 0..<d {
          result.append(seen.isEmpty ? Double(mixtures[row * d + i]) : Double(mixtures[row * d + i] / sums[row]))
          expected.append(zip(weights, seen).reduce(0) { $0 + $1.0 * Double(v[$1.1, i]) } / max(total, 1e-300))
        }
      }
    }
  }

  @Test(
    "It agrees with the definition for every size of head, row count and tile", arguments: InstructionSet.available,
    [1, 5, 16, 47, 64, 128])
  func definition(isa: InstructionSet, d: Int) {
    for rows in [1, 3, 4, 9] {
      for (tiles, positions) in [(1, 1), (1, 64), (3, 37)] {
        let run = Run(isa: isa, rows: rows, d: d, tiles: tiles, positions: positions)
        #expect(relativeError(run.result, run.expected) <= 2e-6, "\(rows) rows, \(tiles) tiles of \(positions)")
      }
    }
  }

  @Test("A row's bits do not depend on the rows beside it", arguments: InstructionSet.available)
  func independent(isa: InstructionSet) {
    let (rows, d, positions) = (7, 20, 50)
    let (q, k, v) = (normal([rows, d], "q"), normal([positions, d], "k"), normal([positions, d], "v"))
    func mixtures(_ chosen: Range<Int>) -> [Float] {
      var mixtures = [Float](repeating: 0, count: chosen.count * d)
      var maxima = [Float](repeating: -.infinity, count: chosen.count)
      var sums = [Float](repeating: 0, count: chosen.count)
      let queries = Array(q.values[chosen.lowerBound * d..<chosen.upperBound * d])
      queries.withUnsafeBufferPointer { queries in
        mixtures.withUnsafeMutableBufferPointer { mixtures in
          maxima.withUnsafeMutableBufferPointer { maxima in
            sums.withUnsafeMutableBufferPointer { sums in
              var state = walsh_attention(
                queries: queries.baseAddress, mixtures: mixtures.baseAddress, maxima: maxima.baseAddress,
                sums: sums.baseAddress, rows: chosen.count, d: d)
              walsh_attend(
                isa.rawValue, &state, k.values, d, v.values, d, chosen.map { Int32($0) },
                chosen.map { Int32(30 + 2 * $0) }, positions)
            }
          }
        }
      }
      return mixtures
    }
    #expect((0..<rows).flatMap { mixtures($0..<$0 + 1) } == mixtures(0..<rows))
  }

  @Test("Minus infinity has no weight, NaN spreads to its row only", arguments: InstructionSet.available)
  func specials(isa: InstructionSet) {
    var result = [Float](repeating: 0, count: 2)
    var maxima: [Float] = [-.infinity, -.infinity]
    var sums: [Float] = [0, 0]
    let keys: [Float] = [1, -.infinity, 2, .nan]
    result.withUnsafeMutableBufferPointer { result in
      maxima.withUnsafeMutableBufferPointer { maxima in
        sums.withUnsafeMutableBufferPointer { sums in
          [Float(1), 1].withUnsafeBufferPointer { q in
            var state = walsh_attention(
              queries: q.baseAddress, mixtures: result.baseAddress, maxima: maxima.baseAddress,
              sums: sums.baseAddress,
              rows: 2, d: 1)
            walsh_attend(isa.rawValue, &state, keys, 1, [10, 20, 30, 40], 1, [0, 0], [3, 4], 4)
          }
        }
      }
    }
    #expect(abs(result[0] / sums[0] - (10 * exp(Float(-1)) + 30) / (1 + exp(Float(-1)))) <= 1e-5)
    #expect(result[1].isNaN)
  }
}

import CKernels
import Foundation
import WalshTensor

/// The elements that share a scale: a rectangle of a row-major matrix, one row high except for tiles and tensors.
struct Block {
  let base: UnsafePointer<Float>
  let rows: Int
  let columns: Int
  /// The distance between rows.
  let stride: Int

  /// The elements of row `i`.
  func row(_ i: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: base + i * stride, count: columns)
  }

  /// The smallest and largest element, zero included; both NaN when an element is NaN or infinite.
  var range: BlockRange {
    var range = BlockRange(lowest: 0, highest: 0)
    for i in 0..<rows {
      var ends: (Float, Float) = (0, 0)
      walsh_range(InstructionSet.best.rawValue, base + i * stride, columns, &ends.0, &ends.1)
      if ends.0.isNaN { return BlockRange(lowest: .nan, highest: .nan) }
      range = BlockRange(lowest: min(range.lowest, ends.0), highest: max(range.highest, ends.1))
    }
    return range
  }

  /// The population standard deviation, in Float64.
  var deviation: Float {
    var sum = 0.0
    for i in 0..<rows { for x in row(i) { sum += Double(x) } }
    let mean = sum / Double(rows * columns)
    var squares = 0.0
    for i in 0..<rows { for x in row(i) { squares += (Double(x) - mean) * (Double(x) - mean) } }
    return Float((squares / Double(rows * columns)).squareRoot())
  }

  /// Σ (x̂ − x)² when the block is rounded to nearest with `codec`.
  ///
  /// Element i of a row is added to lane i mod 16 in Float32 and the lanes in Float64: an order that vector kernels
  /// share, so that the search chooses alike on every machine.
  func squaredError(_ codec: GroupCodec, isa: InstructionSet? = .best) -> Double {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 16) { lanes in
      lanes.initialize(repeating: 0)
      for i in 0..<rows {
        let row = row(i)
        if let isa, codec.addErrors(row, to: lanes, isa: isa) { continue }
        for (k, x) in row.enumerated() {
          let d = codec.decode(codec.encode(x, rounding: .nearestEven, at: 0)) - x
          lanes[k % 16] += d * d
        }
      }
      return lanes.reduce(0) { $0 + Double($1) }
    }
  }

  /// Σ |x̂ − x|^exponent in Float64 when the block is rounded to nearest with `codec`, element after element.
  func error(_ codec: GroupCodec, exponent: Double) -> Double {
    var sum = 0.0
    for i in 0..<rows {
      for x in row(i) {
        sum += pow(Double(abs(codec.decode(codec.encode(x, rounding: .nearestEven, at: 0)) - x)), exponent)
      }
    }
    return sum
  }

  /// The error of one candidate of Four Over Six, in the reference's Float32 order.
  ///
  /// Per element v = ((value · s8) · A) / 1536 and d = v − x; d² or |d| is added along a row in sequence, and the rows
  /// of a tile are added as a halving tree: i and i + 8, then i and i + 4, and so on.
  func fourOverSixError(
    _ codec: GroupCodec, stored: Float, tensorAmax: Float, squared: Bool, isa: InstructionSet? = .best
  ) -> Float {
    var sums = SIMD16<Float>(repeating: 0)
    for i in 0..<rows {
      if let isa {
        sums[i] = walsh_four_over_six_error(
          isa.rawValue, base + i * stride, columns, codec.operand, stored, tensorAmax, squared ? 1 : 0)
        continue
      }
      for x in row(i) {
        let level = codec.level(codec.encode(x, rounding: .nearestEven, at: 0))
        let d = level * stored * tensorAmax / 1536 - x
        sums[i] += squared ? d * d : abs(d)
      }
    }
    if rows == 1 { return sums[0] }
    for half in [8, 4, 2, 1] { for i in 0..<half { sums[i] += sums[i + half] } }
    return sums[0]
  }
}

/// The extremes of a block, zero included.
struct BlockRange {
  let lowest: Float
  let highest: Float

  /// The largest magnitude; NaN when the block holds NaN or infinity.
  var amax: Float { lowest.isNaN ? .nan : max(-lowest, highest) }

  /// Both ends times their factors.
  func scaled(lower: Float, upper: Float) -> BlockRange {
    BlockRange(lowest: lowest * lower, highest: highest * upper)
  }
}

extension Tensor {
  /// The largest magnitude among the finite values, 0 where there is none: the `amax` of a tensor scale.
  ///
  /// NaN and infinity are left out so that one of them spoils its own block, not the scale of all others.
  public var finiteAmax: Float {
    withUnsafeBufferPointer { x in
      guard let base = x.baseAddress else { return 0 }
      let size = 1 << 18
      var parts = [Float](repeating: 0, count: (count + size - 1) / size)
      parts.withUnsafeMutableBufferPointer { parts in
        Parallel.forEachChunk(of: count, size: size) { range in
          parts[range.lowerBound / size] = walsh_finite_amax(
            InstructionSet.best.rawValue, base + range.lowerBound, range.count)
        }
      }
      return parts.max() ?? 0
    }
  }
}

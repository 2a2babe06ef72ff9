import WalshFormats
import WalshTensor

/// The quantizer of Quartet II's gradients, arXiv 2601.22813: NVFP4 whose error averages out over random rotations.
///
/// Elements are rounded to nearest, for the smallest variance. Rounding to nearest shrinks a vector; for each rotated
/// group v the factor c = ⟨v, v⟩ / ⟨v, v̂⟩ stretches it back, and the blocks' scales take c by stochastic rounding.
/// The projection of the result on v is then unbiased at less than half of the variance of stochastic elements.
struct MSEDEN: Sendable {
  /// The values that are rotated together and share a correction, a multiple of 16: 128, or 32.
  let group: Int

  /// Where the largest magnitude of a block lands, beyond the largest element 6: clipping is part of the design.
  private static let largest: Float = 6 / (0.93 * 17 / 16)
  /// Where the largest block scale lands, which leaves room for a correction upwards.
  private static let largestScale: Float = 255.99

  /// `v` quantized; its rows are rotated already and hold whole groups.
  ///
  /// A block with NaN or infinity decodes to NaN, and its group is not corrected.
  ///
  /// - Parameters:
  ///   - v: shape `[rows, columns]`, `columns` a multiple of `group`.
  ///   - scaleRounding: decides between the two E4M3 neighbours of a corrected scale; the block's index is the position.
  func quantize(_ v: Tensor, scaleRounding: RandomStream) -> PackedMatrix {
    let (rows, columns) = (v.rowCount, v.columns)
    precondition(
      columns % group == 0 && group % 16 == 0, "MS-EDEN needs whole groups of \(group), not \(columns) values.")
    let blocks = columns / 16
    var scales = [UInt8](repeating: 0, count: rows * blocks)
    var codes = [UInt8](repeating: 0, count: rows * columns / 2)
    let amax = v.withUnsafeBufferPointer { $0.reduce(Float(0)) { $1.isFinite ? max($0, abs($1)) : $0 } }
    // The tensor scale S of the paper is 1 / tensorScale.
    let tensorScale = amax > 0 ? min(Self.largestScale * Self.largest / amax, .greatestFiniteMagnitude) : 1
    v.withUnsafeBufferPointer { v in
      scales.withUnsafeMutableBufferPointer { scales in
        codes.withUnsafeMutableBufferPointer { codes in
          guard let scales = scales.baseAddress, let codes = codes.baseAddress else { return }
          Parallel.forEachChunk(of: rows, size: max(1, (1 << 14) / max(columns, 1))) { range in
            for first in stride(from: range.lowerBound * columns, to: range.upperBound * columns, by: group) {
              let values = UnsafeBufferPointer(rebasing: v[first..<first + group])
              quantize(
                values, tensorScale: tensorScale, firstBlock: first / 16, scaleRounding: scaleRounding,
                scales: scales + first / 16, codes: codes + first / 2)
            }
          }
        }
      }
    }
    return PackedMatrix(
      scales: BlockScales(format: .nvfp4, rows: rows, columns: columns, bytes: scales, tensorScale: tensorScale),
      codes: codes)
  }

  /// One group: codes by rounding to nearest, then the correction and the scales that hold it.
  private func quantize(
    _ v: UnsafeBufferPointer<Float>, tensorScale: Float, firstBlock: Int, scaleRounding: RandomStream,
    scales: UnsafeMutablePointer<UInt8>, codes: UnsafeMutablePointer<UInt8>
  ) {
    var square = 0.0
    var projection = 0.0
    for block in 0..<group / 16 {
      let values = UnsafeBufferPointer(rebasing: v[block * 16..<block * 16 + 16])
      let amax = values.reduce(Float(0)) { $1.isFinite ? max($0, abs($1)) : .nan }
      guard amax.isFinite else {
        scales[block] = 0x7F
        continue
      }
      let nearest = E4M3.encode(amax / Self.largest * tensorScale)
      scales[block] = nearest == 0 ? E4M3.encode(1) : nearest
      let scale = E4M3.decode(scales[block]) / tensorScale
      for (i, x) in values.enumerated() {
        let code = E2M1.encode(x / scale, rounding: .nearestAwayFromZero)
        codes[block * 8 + i / 2] |= i % 2 == 0 ? code : code << 4
        square += Double(x) * Double(x)
        projection += Double(x) * Double(E2M1.decode(code) * scale)
      }
    }
    let correction = projection > 0 ? Float(square / projection) : 1
    for block in 0..<group / 16 where scales[block] != 0x7F {
      scales[block] = E4M3.encode(
        correction * E4M3.decode(scales[block]), rounding: .stochastic(scaleRounding), at: firstBlock + block)
    }
  }
}

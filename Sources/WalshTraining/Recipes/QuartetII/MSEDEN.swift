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
  /// A block with NaN or infinity decodes to NaN and is left out of its group's correction; a group of zeros has none.
  ///
  /// - Parameters:
  ///   - v: shape `[rows, columns]`, `columns` a multiple of `group`.
  ///   - scaleRounding: decides between the two E4M3 neighbours of a corrected scale; the block's index is the position.
  func quantize(_ v: Tensor, scaleRounding: RandomStream) -> PackedMatrix {
    precondition(
      v.columns % group == 0 && group % 16 == 0,
      "MS-EDEN needs whole groups of \(group), not \(v.columns) values.")
    var scales = nearestScales(of: v)
    let nearest = Quantizer(format: .nvfp4, rounding: .nearestAwayFromZero).pack(v, scales: scales)
    scales = corrected(scales, v, quantized: nearest.unpacked(), rounding: scaleRounding)
    return PackedMatrix(scales: scales, codes: nearest.codes)
  }

  /// The tensor scale, which is 1 / S in the paper, and block scales rounded to nearest; 1 in place of zero.
  private func nearestScales(of v: Tensor) -> BlockScales {
    v.withUnsafeBufferPointer { values in
      let largest = values.reduce(Float(0)) { $1.isFinite ? max($0, abs($1)) : $0 }
      let tensorScale =
        largest > 0 ? min(Self.largestScale * Self.largest / largest, .greatestFiniteMagnitude) : 1
      let bytes = stride(from: 0, to: values.count, by: 16).map { first -> UInt8 in
        let amax = values[first..<first + 16].reduce(Float(0)) { $1.isFinite ? max($0, abs($1)) : .nan }
        let byte = E4M3.encode(amax / Self.largest * tensorScale)
        return byte == 0 ? E4M3.encode(1) : byte
      }
      return BlockScales(
        format: .nvfp4, rows: v.rowCount, columns: v.columns, bytes: bytes, tensorScale: tensorScale)
    }
  }

  /// The block scales times c = ⟨v, v⟩ / ⟨v, v̂⟩ of their group, rounded stochastically.
  private func corrected(
    _ scales: BlockScales, _ v: Tensor, quantized: Tensor, rounding: RandomStream
  ) -> BlockScales {
    var bytes = scales.bytes
    v.withUnsafeBufferPointer { v in
      quantized.withUnsafeBufferPointer { q in
        for first in stride(from: 0, to: v.count, by: group) {
          var (square, projection) = (0.0, 0.0)
          // A quantized NaN marks a block that is not finite.
          for i in first..<first + group where !q[i].isNaN {
            square += Double(v[i]) * Double(v[i])
            projection += Double(v[i]) * Double(q[i])
          }
          guard projection > 0 else { continue }
          let correction = Float(square / projection)
          for block in first / 16..<(first + group) / 16 where bytes[block] != 0x7F {
            bytes[block] = E4M3.encode(
              correction * E4M3.decode(bytes[block]), rounding: .stochastic(rounding), at: block)
          }
        }
      }
    }
    return BlockScales(
      format: .nvfp4, rows: scales.rows, columns: scales.columns, bytes: bytes, tensorScale: scales.tensorScale)
  }
}

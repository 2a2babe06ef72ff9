import WalshFormats
import WalshTensor

extension Tensor {
  /// This matrix in E4M3 with one Float32 scale for each tile of 128 × 128: largest magnitude / 448.
  ///
  /// The scales are stored as if every row had its own, so that the codes are a plain `FP8/128` matrix; quantizing and
  /// transposing commute. A tile of zeros has scale 1; one with NaN or infinity decodes to NaN.
  func packedInTiles128() -> PackedMatrix {
    let format = NumericFormat.fp8(.e4m3, per: .group(128))
    let size = 128
    let (height, width) = (rowCount, columns)
    let groups = format.groupsPerRow(columns: width)
    var scales = [Float](repeating: 0, count: (height + size - 1) / size * groups)
    withUnsafeBufferPointer { x in
      for i in 0..<height {
        for j in 0..<width {
          let magnitude = abs(x[i * width + j])
          let tile = i / size * groups + j / size
          // Written so that NaN wins and stays.
          if !(magnitude <= scales[tile]) && !scales[tile].isNaN {
            scales[tile] = magnitude.isFinite ? magnitude : .nan
          }
        }
      }
    }
    for tile in scales.indices { scales[tile] = scales[tile] == 0 ? 1 : scales[tile] / 448 }
    let bytes = (0..<height).flatMap { i in
      (0..<groups).flatMap { g in
        let bits = scales[i / size * groups + g].bitPattern
        return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
      }
    }
    let quantizer = Quantizer(format: format)
    return quantizer.pack(self, scales: BlockScales(format: format, rows: height, columns: width, bytes: bytes))
  }
}

import TestSupport
import WalshTensor

@testable import WalshFormats

/// The blocks of sections 5.2 and 5.3 of the number formats, and what tests do with those of 5.4, `GoldenMatrices`.
enum Golden {
  /// The block of section 5.2.
  static let mxBlock: [Float] = {
    let first: [Float] = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5, 6]
    return first + first.map { -$0 } + [
      0, -0.0, 0.1, -0.1, 0.26, 0.74, 1.24, 1.26, 1.74, 1.76, 2.49, 2.51, 3.49, 3.51, 4.99, 5.01,
    ]
  }()

  /// The four blocks of section 5.3.
  static let nvBlocks: [Float] = {
    let t: [Float] = [0.5, 1, 1.5, 2, 3, 4, 6, -0.5, -1, -1.5, -2, -3, -4, -6, 0, 0.25]
    return t + t.map { $0 * 0.1 } + t.map { $0 * 0 } + t.map { $0 * 0.013 }
  }()

  /// Chunks of 16 times the signs 0xD7E8, then the Sylvester matrix of order 16 over 4: section 2.3 of the NVFP4 recipe.
  static func rht16(_ x: Tensor) -> Tensor {
    let shape = x.shape
    let matrix = (0..<16).map { i in (0..<16).map { j in Float((i & j).nonzeroBitCount % 2 == 0 ? 1 : -1) } }
    let x = x.values
    var y = x
    for start in stride(from: 0, to: y.count, by: 16) {
      let v = (0..<16).map { 0xD7E8 >> $0 & 1 == 1 ? -x[start + $0] : x[start + $0] }
      for j in 0..<16 { y[start + j] = (0..<16).reduce(Float(0)) { $0 + v[$1] * matrix[$1][j] } / 4 }
    }
    return Tensor(y, shape: shape)
  }

  /// `x` with rows and columns exchanged.
  static func transposed(_ x: Tensor) -> Tensor {
    let (rows, columns) = (x.rowCount, x.columns)
    let values = x.values
    return Tensor(
      (0..<rows * columns).map { values[$0 % rows * columns + $0 / rows] }, shape: [columns, rows])
  }
}

extension Tensor {
  /// The FNV-1a checksum of the little-endian bytes.
  var checksum: UInt64 { fnv1a(values.flatMap { x in (0..<4).map { UInt8(x.bitPattern >> (8 * $0) & 255) } }) }
}

/// Lower-case hexadecimal digits of bytes.
func hex(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}

/// Sixteen hexadecimal digits of a checksum.
func hex(_ word: UInt64) -> String { hex((0..<8).map { UInt8(word >> (56 - 8 * $0) & 255) }) }

/// The bit patterns of a tensor, for comparisons that tell −0 from 0 and find NaN equal to itself.
func bits(_ x: Tensor) -> [UInt32] { x.values.map { $0.isNaN ? 0x7FC0_0000 : $0.bitPattern } }

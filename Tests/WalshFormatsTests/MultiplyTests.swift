import CKernels
import TestSupport
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Number formats, sections 2.9 and 5.5: products of packed matrices")
struct MultiplyTests {
  /// x Wᵀ in Float64.
  private func product(_ x: Tensor, _ w: Tensor) -> [Double] {
    let (a, b, k) = (x.values, w.values, x.columns)
    return (0..<x.rowCount).flatMap { t in
      (0..<w.rowCount).map { r in
        (0..<k).reduce(0.0) { $0 + Double(a[t * k + $1]) * Double(b[r * k + $1]) }
      }
    }
  }

  @Test("x Wᵀ is the product with the decoded matrix", arguments: Formats.presets)
  func decoded(format: NumericFormat) {
    let w = Quantizer(format: format).pack(Tensor.normal([21, 80], from: RandomStream(seed: 1, purpose: "w")))
    let x = Tensor.normal([2, 3, 80], from: RandomStream(seed: 1, purpose: "x"))
    let y = w.multiply(x)
    #expect(y.shape == [2, 3, 21])
    #expect(relativeError(y.values.map(Double.init), product(x, w.unpacked())) < 1e-6)
  }

  @Test("5.5 FP4 × FP4 against Float64", arguments: [16, 32, 64, 4096, 48, 40])
  func packed(k: Int) {
    for format in [NumericFormat.mxfp4, .nvfp4, .nvfp4Tiles, .mxfp4(.staticThreeQuarters)] {
      let quantizer = Quantizer(format: format)
      let w = quantizer.pack(Tensor.normal([19, k], from: RandomStream(seed: 2, purpose: "w")))
      let x = quantizer.pack(Tensor.normal([5, k], from: RandomStream(seed: 2, purpose: "x")))
      let reference = product(x.unpacked(), w.unpacked())
      #expect(relativeError(w.multiply(x).values.map(Double.init), reference) < 1e-6 * Double(k).squareRoot())
    }
  }

  @Test("5.5 scales at both ends of their range")
  func extremes() {
    func matrix(_ format: NumericFormat, _ scale: UInt8, _ code: UInt8) -> PackedMatrix {
      PackedMatrix(
        format: format, rows: 1, columns: 32, codes: [UInt8](repeating: code, count: 16),
        scales: [UInt8](repeating: scale, count: format.groupsPerRow(columns: 32)))
    }
    // 32 · (6 · 2^127) · (6 · 2^-127) = 1152, although 6 · 2^127 alone overflows.
    #expect(matrix(.mxfp4, 254, 0x77).multiply(matrix(.mxfp4, 0, 0x77)).values == [1152])
    // Zero codes under scales whose product overflows are still zero.
    #expect(matrix(.mxfp4, 254, 0x77).multiply(matrix(.mxfp4, 254, 0x00)).values == [0])
    #expect(matrix(.mxfp4, 0, 0x77).multiply(matrix(.mxfp4, 0, 0x77)).values == [0])
    #expect(matrix(.nvfp4, 0x7E, 0x77).multiply(matrix(.nvfp4, 0x7E, 0x77)).values == [32 * 36 * 448 * 448])
    #expect(matrix(.nvfp4, 0x01, 0x77).multiply(matrix(.nvfp4, 0x01, 0xFF)).values == [-32 * 36 * 0x1p-18])
    #expect(matrix(.mxfp4, 255, 0).multiply(matrix(.mxfp4, 1, 0)).values.allSatisfy { $0.isNaN })
  }

  @Test("FP4 × FP4 gives the same bits for every thread count")
  func deterministic() {
    for format in [NumericFormat.mxfp4, .nvfp4] {
      let quantizer = Quantizer(format: format)
      let w = quantizer.pack(Adversary.normal(70, 208))
      let x = quantizer.pack(Adversary.normal(9, 208, seed: 7))
      let expected = w.multiply(x)
      let before = Parallel.workerCount
      defer { Parallel.workerCount = before }
      for workers in [1, 2, 8] {
        Parallel.workerCount = workers
        #expect(w.multiply(x) == expected)
        #expect(w.multiply(x.unpacked()) == w.multiply(x.unpacked()))
      }
    }
  }

  @Test("dot products of Float32 rows", arguments: InstructionSet.available)
  func rows(isa: InstructionSet) {
    for (tokens, rows, k) in [(1, 1, 1), (5, 7, 3), (4, 4, 64), (6, 9, 131), (1, 16, 1000)] {
      let x = Tensor.normal([tokens, k], from: RandomStream(seed: 3, purpose: "x"))
      let w = Tensor.normal([rows, k], from: RandomStream(seed: 3, purpose: "w"))
      let y = Tensor(shape: [tokens, rows]) { y in
        walsh_dot_rows(isa.rawValue, w.values, rows, x.values, tokens, k, y.baseAddress, rows)
      }
      #expect(relativeError(y.values.map(Double.init), product(x, w)) < 1e-6)
    }
  }
}

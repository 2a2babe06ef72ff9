import CKernels
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Kernels equal the scalar reference for every instruction set")
struct KernelTests {
  /// Formats whose scales come from a kernel.
  static let formats: [NumericFormat] = [
    .mxfp4(.floor), .mxfp4(.ceil), .mxfp4(.even), .mxfp4(.rceil), .nvfp4, .nvfp4(.compressedTensors), .nvfp4(.margin),
    .nvfp4OneLevel,
  ]
  /// All presets, and FP6 and FP8 under every kind of scale.
  static let elementFormats =
    Formats.presets
    + [ElementFormat.e2m3, .e3m2, .e4m3, .e5m2].map {
      NumericFormat(element: $0, granularity: .group(32), scale: .e8m0(.floor))
    }
    + [.fp8(.e4m3, per: .group(128)), .fp8(.e5m2, per: .group(16))]

  static let roundings: [Rounding] = [.nearestEven, .stochastic(RandomStream(seed: 8, purpose: "kernels"))]
  static let tiesToOneSide: [Rounding] = [.nearestTowardZero, .nearestAwayFromZero]
  static let inputs: [Tensor] = [(1, 1), (3, 31), (4, 32), (7, 50), (3, 256), (5, 272), (2, 1000), (64, 96)].flatMap {
    [
      Adversary.normal($0, $1), Adversary.finite($0, $1), Adversary.anything($0, $1),
      Tensor.zeros([$0, $1]), Tensor(shape: [$0, $1], repeating: -0.0),
      Tensor(shape: [$0, $1], repeating: 0x1p-133), Tensor(shape: [$0, $1], repeating: 1e-30),
    ]
  }

  /// The scalar path.
  private func reference(_ quantizer: Quantizer, _ x: Tensor, amax: Float? = nil) -> PackedMatrix {
    let scales = quantizer.scalarScales(of: x, amax: amax)
    return PackedMatrix(scales: scales, codes: quantizer.scalarCodes(of: x, scales: scales))
  }

  /// Whether all that kernels make of `x` is what the scalar path makes of it.
  private func check(_ quantizer: Quantizer, _ x: Tensor, amax: Float? = nil, isa: InstructionSet) throws {
    let expected = reference(quantizer, x, amax: amax)
    let name = Comment(rawValue: "\(quantizer.format) \(x.shape) \(quantizer.rounding) amax \(amax ?? -1)")
    #expect(try #require(quantizer.kernelScales(of: x, amax: amax, isa: isa)) == expected.blockScales, name)
    #expect(try #require(quantizer.kernelPack(x, amax: amax, isa: isa)) == expected, name)
    let rounded = bits(quantizer.scalarQuantize(x, with: expected.blockScales))
    #expect(bits(try #require(quantizer.kernelFakeQuantize(x, amax: amax, isa: isa))) == rounded, name)
    #expect(bits(expected.unpacked()) == rounded, name)
  }

  @Test("scales, packing and fake quantization", arguments: InstructionSet.available)
  func pack(isa: InstructionSet) throws {
    for format in Self.formats {
      for rounding in Self.roundings {
        for x in Self.inputs { try check(Quantizer(format: format, rounding: rounding), x, isa: isa) }
      }
    }
  }

  @Test("elements under given scales, also those of another matrix", arguments: InstructionSet.available)
  func givenScales(isa: InstructionSet) throws {
    for format in Self.elementFormats where format.groupSize(columns: 2) % 2 == 0 {
      for rounding in Self.roundings + (format.element.isInteger ? [] : Self.tiesToOneSide) {
        let quantizer = Quantizer(format: format, rounding: rounding)
        for x in Self.inputs {
          let other = Adversary.anything(x.rowCount, x.columns, seed: 9)
          for scales in [quantizer.scalarScales(of: x, amax: nil), quantizer.scalarScales(of: other, amax: 3)] {
            let name = Comment(rawValue: "\(format) \(x.shape) \(rounding)")
            let codes = try #require(quantizer.kernelCodes(of: x, scales: scales, isa: isa), name)
            #expect(codes == quantizer.scalarCodes(of: x, scales: scales), name)
            let rounded = try #require(quantizer.kernelQuantize(x, with: scales, isa: isa), name)
            #expect(bits(rounded) == bits(quantizer.scalarQuantize(x, with: scales)), name)
          }
        }
      }
    }
  }

  @Test("every byte of a scale, whatever a file may hold", arguments: InstructionSet.available)
  func everyScaleByte(isa: InstructionSet) throws {
    for format in [NumericFormat.mxfp4, .mxfp4(.staticThreeQuarters)] + E4M3Scheme.allCases.map({ .nvfp4($0) }) {
      let size = format.groupSize(columns: 1024)
      let x = Adversary.anything(256, size + 3)
      let bytes = (0..<512).map { UInt8($0 / 2 & 255) }
      for tensorScale in [nil, 0.7, 1e30, 0x1p-140] as [Float?] {
        let scales = BlockScales(
          format: format, rows: 256, columns: size + 3, bytes: bytes, tensorScale: tensorScale)
        for rounding in Self.roundings {
          let quantizer = Quantizer(format: format, rounding: rounding)
          let name = Comment(rawValue: "\(format) \(tensorScale ?? 0) \(rounding)")
          let codes = try #require(quantizer.kernelCodes(of: x, scales: scales, isa: isa))
          #expect(codes == quantizer.scalarCodes(of: x, scales: scales), name)
          let rounded = try #require(quantizer.kernelQuantize(x, with: scales, isa: isa))
          #expect(bits(rounded) == bits(quantizer.scalarQuantize(x, with: scales)), name)
        }
      }
    }
  }

  @Test("integers under any Float32 scale", arguments: InstructionSet.available)
  func anyIntegerScale(isa: InstructionSet) throws {
    let values: [Float] = [0, -0.0, .leastNonzeroMagnitude, 0x1p-126, 0.3, -2, 3e38, .infinity, .nan]
    let x = Adversary.anything(values.count, 37)
    for format in [NumericFormat.intPerRow(4), .intPerRow(8, symmetric: false)] {
      let scales = BlockScales(
        format: format, rows: values.count, columns: 37,
        bytes: values.flatMap { v in (0..<4).map { UInt8(truncatingIfNeeded: v.bitPattern >> UInt32(8 * $0)) } },
        zeroPoints: format.symmetry == .asymmetric ? values.indices.map { UInt8($0 * 31) } : nil)
      for rounding in Self.roundings {
        let quantizer = Quantizer(format: format, rounding: rounding)
        let codes = try #require(quantizer.kernelCodes(of: x, scales: scales, isa: isa))
        #expect(codes == quantizer.scalarCodes(of: x, scales: scales))
        let rounded = try #require(quantizer.kernelQuantize(x, with: scales, isa: isa))
        #expect(bits(rounded) == bits(quantizer.scalarQuantize(x, with: scales)))
      }
    }
  }

  @Test("every Float32 exponent with the mantissas around each tie", arguments: InstructionSet.available)
  func sweep(isa: InstructionSet) throws {
    // Rows of 32 with a maximum of 6 · 2^k and all interesting mantissas below it.
    let mantissas: [UInt32] = [
      0, 1, 0x1F_FFFF, 0x20_0000, 0x20_0001, 0x40_0000, 0x5F_FFFF, 0x60_0000, 0x60_0001, 0x7F_FFFF,
    ]
    let x = Tensor(shape: [250, 64]) { p in
      for row in 0..<250 {
        for i in 0..<64 {
          let exponent = UInt32(max(0, row + 3 - i / mantissas.count))
          let pattern = exponent << 23 | mantissas[i % mantissas.count] | UInt32(i & 1) << 31
          p[row * 64 + i] = Float(bitPattern: pattern)
        }
      }
    }
    for format in Self.formats {
      let quantizer = Quantizer(format: format)
      try check(quantizer, x, isa: isa)
      for row in stride(from: 0, to: 250, by: 10) {
        try check(quantizer, x.rows(row..<row + 10), isa: isa)
      }
    }
  }

  @Test("a given amax", arguments: InstructionSet.available)
  func givenAmax(isa: InstructionSet) throws {
    let x = Adversary.normal(9, 100)
    for format in Self.formats {
      for amax in [0, 0.01, 1, 1e6, .leastNonzeroMagnitude, .greatestFiniteMagnitude] as [Float] {
        try check(Quantizer(format: format), x, amax: amax, isa: isa)
      }
    }
  }

  @Test("decoding FP4", arguments: InstructionSet.available)
  func dequantize(isa: InstructionSet) {
    for (columns, group) in [(1, 2), (33, 16), (64, 32), (100, 32), (256, 16), (70, 8), (41, 41 * 2)] {
      let rowBytes = (columns + 1) / 2
      let codes = (0..<3 * rowBytes).map { UInt8(($0 * 37 + 11) & 255) }
      let groups = (columns + group - 1) / group
      let scales: [Float] = (0..<3 * groups).map { $0 == 1 ? .nan : powerOfTwo($0 % 30 - 20) * 1.125 }
      let y = Tensor(shape: [3, columns]) {
        walsh_dequantize_fp4(isa.rawValue, codes, scales, 3, columns, group, $0.baseAddress)
      }
      let expected = (0..<3 * columns).map { i -> Float in
        let (row, column) = (i / columns, i % columns)
        let code = codes[row * rowBytes + column / 2] >> UInt8(column % 2 * 4) & 15
        return E2M1.decode(code) * scales[row * groups + column / group]
      }
      #expect(bits(y) == bits(Tensor(expected, shape: [3, columns])))
    }
  }

  @Test(
    "random words are Philox', also where the counter's lower word overflows", arguments: InstructionSet.available)
  func randomWords(isa: InstructionSet) {
    let (key, prefix) = (0x0123_4567_89AB_CDEF as UInt64, 0xFEED_FACE_CAFE_BEEF as UInt64)
    func halves(_ x: UInt64) -> SIMD2<UInt32> {
      SIMD2(UInt32(truncatingIfNeeded: x), UInt32(truncatingIfNeeded: x >> 32))
    }
    let philox = Philox4x32(key: halves(key))
    for first in [0, 5, 0xFFFF_FFF9, 0x1234_5678_9ABC] as [UInt64] {
      for blocks in [1, 2, 7, 16, 33] {
        // A word more than there are, which must stay.
        var words = [UInt32](repeating: 7, count: 4 * blocks + 1)
        walsh_random_words(isa.rawValue, key, prefix, first, blocks, &words)
        let expected = (0..<blocks).flatMap { block -> [UInt32] in
          let counter = SIMD4(lowHalf: halves(first + UInt64(block)), highHalf: halves(prefix))
          let four = philox(counter)
          return (0..<4).map { four[$0] }
        }
        #expect(words == expected + [7])
      }
    }
  }

  @Test("squared errors of E2M1: the same sums for every instruction set", arguments: InstructionSet.available)
  func squaredErrors(isa: InstructionSet) {
    for columns in [1, 15, 16, 32] {
      for x in [Adversary.normal(3, columns), Adversary.finite(3, columns)] {
        for format in [NumericFormat.mxfp4, .nvfp4, .nvfp4(.compressedTensors), .fp8(.e2m1, per: .row)] {
          let codec = Quantizer(format: format).blockScales(of: x).codec(row: 1, group: 0)
          x.withUnsafeBufferPointer { x in
            guard let base = x.baseAddress else { return }
            for rows in [1, 3] {
              let block = Block(base: base, rows: rows, columns: columns, stride: columns)
              #expect(block.squaredError(codec, isa: isa) == block.squaredError(codec, isa: nil))
            }
          }
        }
      }
    }
  }

  @Test("errors of Four Over Six", arguments: InstructionSet.available)
  func fourOverSix(isa: InstructionSet) {
    for (rows, columns) in [(1, 16), (16, 16), (1, 5), (7, 11)] {
      for x in [Adversary.normal(rows, columns), Adversary.finite(rows, columns)] {
        let codec = Quantizer(format: .nvfp4).blockScales(of: x).codec(row: 0, group: 0)
        x.withUnsafeBufferPointer { x in
          guard let base = x.baseAddress else { return }
          let block = Block(base: base, rows: rows, columns: columns, stride: columns)
          for squared in [false, true] {
            func error(_ isa: InstructionSet?) -> Float {
              block.fourOverSixError(codec, stored: 13, tensorAmax: 2.5, squared: squared, isa: isa)
            }
            #expect(error(isa).bitPattern == error(nil).bitPattern)
          }
        }
      }
    }
  }

  @Test("the best of many integer scales is that of the scalar search", arguments: InstructionSet.available)
  func searchIntegers(isa: InstructionSet) {
    for (rows, columns) in [(1, 1), (1, 15), (1, 128), (3, 70), (5, 200)] {
      for x in [Adversary.normal(rows, columns), Adversary.finite(rows, columns), ties(rows, columns)] {
        for (bits, symmetric) in [(2, true), (4, true), (4, false), (8, true), (8, false)] {
          let format = NumericFormat.intPerRow(bits, symmetric: symmetric)
          let zero = symmetric ? Float(1 << (bits - 1)) : 3
          let scales =
            ScaleSearch.fractions.map { x.finiteAmax * $0 / format.element.largest } + [.infinity, 0x1p-140]
          let zeros = [Float](repeating: zero, count: scales.count)
          x.withUnsafeBufferPointer { x in
            guard let base = x.baseAddress else { return }
            let block = Block(base: base, rows: rows, columns: columns, stride: columns)
            let errors = scales.map {
              block.squaredError(
                GroupCodec(
                  format: format, pattern: $0.bitPattern, tensorScale: nil, zeroPoint: symmetric ? nil : Int(zero)),
                isa: nil)
            }
            var (best, least) = (scales.count, Double.infinity)
            for (i, error) in errors.enumerated() where error < least { (best, least) = (i, error) }
            let found = walsh_search_integers(
              isa.rawValue, base, rows, columns, columns, scales, zeros, scales.count, Float(1 << bits - 1))
            #expect(found == best, "\(format) \(rows) × \(columns)")
          }
        }
      }
    }
  }

  /// Values that lie on ties of the first candidates of a search, or one unit in the last place beside them.
  private func ties(_ rows: Int, _ columns: Int) -> Tensor {
    let values = (0..<rows * columns).map { i -> Float in
      let tie = (Float(i % 15) - 7 + 0.5) * Float(0.3)
      return [tie, tie.nextUp, tie.nextDown][i % 3]
    }
    return Tensor([Float(0.3) * 7] + values.dropFirst(), shape: [rows, columns])
  }

  @Test("with given scales NaN becomes zero, there being no code for it", arguments: Formats.presets)
  func notANumber(format: NumericFormat) {
    let x = Adversary.normal(16, 40)
    let quantizer = Quantizer(format: format)
    let scales = quantizer.blockScales(of: x)
    var y = x
    for column in stride(from: 0, to: 40, by: 3) { y[5, column] = .nan }
    let rounded = quantizer.quantize(y, with: scales)
    #expect(bits(quantizer.pack(y, scales: scales).unpacked()) == bits(rounded))
    let isFP8 = format.element == .e4m3 || format.element == .e5m2
    for column in stride(from: 0, to: 40, by: 3) {
      #expect(isFP8 ? rounded[5, column].isNaN : rounded[5, column] == 0)
    }
  }

  @Test("range and finite maximum", arguments: InstructionSet.available)
  func statistics(isa: InstructionSet) {
    for x in Self.inputs {
      let values = x.values
      var ends: (Float, Float) = (1, 1)
      walsh_range(isa.rawValue, values, values.count, &ends.0, &ends.1)
      if values.allSatisfy(\.isFinite) {
        #expect(ends == (min(0, values.min() ?? 0), max(0, values.max() ?? 0)))
      } else {
        #expect(ends.0.isNaN && ends.1.isNaN)
      }
      let amax = values.filter(\.isFinite).map(\.magnitude).max() ?? 0
      #expect(walsh_finite_amax(isa.rawValue, values, values.count) == amax)
      #expect(x.finiteAmax == amax)
    }
  }
}

import CKernels
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Kernels equal the scalar reference for every instruction set")
struct KernelTests {
  static let formats: [NumericFormat] = [.mxfp4(.floor), .mxfp4(.ceil), .mxfp4(.even), .mxfp4(.rceil), .nvfp4]
  static let inputs: [Tensor] = [(1, 1), (3, 31), (4, 32), (7, 50), (3, 256), (5, 272), (2, 1000), (64, 96)].flatMap {
    [
      Adversary.normal($0, $1), Adversary.finite($0, $1), Adversary.anything($0, $1),
      Tensor.zeros([$0, $1]), Tensor(shape: [$0, $1], repeating: -0.0),
      Tensor(shape: [$0, $1], repeating: 0x1p-133), Tensor(shape: [$0, $1], repeating: 1e-30),
    ]
  }

  /// The scalar path, which a quantizer takes when scales are given.
  private func reference(_ quantizer: Quantizer, _ x: Tensor) -> PackedMatrix {
    quantizer.pack(x, scales: quantizer.blockScales(of: x))
  }

  @Test("quantize and pack", arguments: InstructionSet.available)
  func pack(isa: InstructionSet) throws {
    for format in Self.formats {
      let quantizer = Quantizer(format: format)
      for x in Self.inputs {
        let fast = try #require(quantizer.packFast(x, amax: nil, isa: isa))
        #expect(fast == reference(quantizer, x), "\(format) \(x.shape)")
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
      #expect(try #require(quantizer.packFast(x, amax: nil, isa: isa)) == reference(quantizer, x), "\(format)")
      for row in stride(from: 0, to: 250, by: 10) {
        let part = x.rows(row..<row + 10)
        #expect(try #require(quantizer.packFast(part, amax: nil, isa: isa)) == reference(quantizer, part))
      }
    }
  }

  @Test("a given amax", arguments: InstructionSet.available)
  func givenAmax(isa: InstructionSet) throws {
    let quantizer = Quantizer(format: .nvfp4)
    let x = Adversary.normal(9, 100)
    for amax in [0, 0.01, 1, 1e6, .leastNonzeroMagnitude, .greatestFiniteMagnitude] as [Float] {
      let expected = quantizer.pack(x, scales: quantizer.blockScales(of: x, amax: amax))
      #expect(try #require(quantizer.packFast(x, amax: amax, isa: isa)) == expected)
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

  @Test("rounding integers", arguments: InstructionSet.available)
  func integers(isa: InstructionSet) {
    let x = Adversary.finite(4, 133)
    for format in [NumericFormat.intPerRow(4), .intPerRow(8), .intPerRow(4, symmetric: false), .intPerRow(2)] {
      let quantizer = Quantizer(format: format)
      let scales = quantizer.blockScales(of: x)
      for row in 0..<4 {
        let codec = scales.codec(row: row, group: 0)
        let values = x.row(row).values
        var y = [Float](repeating: 0, count: 133)
        let done = codec.roundIntegers(values, count: 133, rounding: .nearestEven, into: &y, isa: isa)
        #expect(done)
        let expected = values.map { codec.decode(codec.encode($0, rounding: .nearestEven, at: 0)) }
        #expect(bits(Tensor(y)) == bits(Tensor(expected)))
      }
    }
  }

  @Test("squared errors of integers: the same sums for every instruction set", arguments: InstructionSet.available)
  func integerErrors(isa: InstructionSet) {
    for columns in [1, 15, 16, 50, 128] {
      let x = Adversary.normal(3, columns)
      for format in [NumericFormat.intPerRow(4), .intPerRow(8, symmetric: false), .intPerRow(2)] {
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

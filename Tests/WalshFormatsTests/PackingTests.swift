import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Packing equals fake quantization, bit for bit")
struct PackingTests {
  static let shapes = [[1, 1], [3, 7], [17, 33], [5, 48], [16, 64], [33, 80], [2, 130]]

  @Test("pack then unpack is fakeQuantize, for every format and ragged rows", arguments: Formats.presets)
  func promise(format: NumericFormat) {
    let roundings: [Rounding] = [
      .nearestEven, .nearestTowardZero, .nearestAwayFromZero, .stochastic(RandomStream(seed: 9, purpose: "test")),
    ]
    for shape in Self.shapes {
      for rounding in roundings {
        let quantizer = Quantizer(format: format, rounding: rounding)
        for x in [Adversary.normal(shape[0], shape[1]), Adversary.anything(shape[0], shape[1])] {
          let fake = quantizer.fakeQuantize(x)
          let packed = quantizer.pack(x)
          #expect(bits(packed.unpacked()) == bits(fake))
          #expect(bits(packed.row(shape[0] - 1)) == bits(fake.row(shape[0] - 1)))
          let scales = quantizer.blockScales(of: x)
          #expect(bits(quantizer.quantize(x, with: scales)) == bits(fake))
          #expect(quantizer.pack(x, scales: scales) == packed)
        }
      }
    }
  }

  @Test("round(row:column:) is quantize, element by element", arguments: Formats.presets)
  func elements(format: NumericFormat) {
    let quantizer = Quantizer(format: format)
    let x = Adversary.finite(19, 40)
    let scales = quantizer.blockScales(of: x)
    let expected = bits(quantizer.quantize(x, with: scales))
    let actual = (0..<19 * 40).map {
      quantizer.round(x.values[$0], row: $0 / 40, column: $0 % 40, scales: scales)
    }
    #expect(bits(Tensor(actual)) == expected)
  }

  @Test("a matrix rounded with scales packs with them to the same values", arguments: Formats.presets)
  func idempotent(format: NumericFormat) {
    let quantizer = Quantizer(format: format)
    let x = Adversary.normal(33, 80)
    let scales = quantizer.blockScales(of: x)
    let rounded = quantizer.quantize(x, with: scales)
    #expect(quantizer.pack(rounded, scales: scales).unpacked() == rounded)
    #expect(quantizer.quantize(rounded, with: scales) == rounded)
  }

  @Test("the result does not depend on the number of threads or on leading axes", arguments: Formats.presets)
  func threads(format: NumericFormat) {
    let x = Adversary.anything(160, 512)
    let quantizer = Quantizer(format: format, rounding: .stochastic(RandomStream(seed: 4, purpose: "threads")))
    let before = Parallel.workerCount
    defer { Parallel.workerCount = before }
    let results = [1, 2, 8].map { workers in
      Parallel.workerCount = workers
      return quantizer.pack(x)
    }
    #expect(results[0] == results[1] && results[1] == results[2])
    let folded = quantizer.fakeQuantize(x.reshaped(to: [2, 80, 512]))
    #expect(folded.shape == [2, 80, 512])
    #expect(bits(folded) == bits(results[0].unpacked()))
  }

  @Test("code layouts: sequential nibbles, words of integers, a dense stream for three bits")
  func layouts() {
    func packed(_ element: ElementFormat, _ codes: [UInt8]) -> String {
      let layout = CodeLayout(element)
      var row = [UInt8](repeating: 0, count: layout.rowByteCount(columns: codes.count))
      layout.pack(codes, count: codes.count, into: &row)
      var back = [UInt8](repeating: 0, count: codes.count)
      layout.unpack(row, count: codes.count, into: &back)
      #expect(back == codes)
      return hex(row)
    }
    #expect(packed(.e2m1, [1, 2, 3]) == "2103")
    #expect(packed(.int(bits: 4), [1, 2, 3, 4, 5, 6, 7, 8, 9]) == "2143658709000000")
    #expect(packed(.int(bits: 8), [255, 1]) == "ff010000")
    #expect(packed(.int(bits: 2), [3, 0, 1, 2, 1]) == "93010000")
    // 111 001 010 … from the lowest bit: 0b…_010_001_111.
    #expect(packed(.int(bits: 3), [7, 1, 2, 5, 7]) == "8f7a0000")
    #expect(packed(.e4m3, [1, 2]) == "0102")
    #expect(packed(.e2m3, [33, 2]) == "2102")
  }

  @Test("empty tensors", arguments: Formats.presets)
  func empty(format: NumericFormat) {
    for shape in [[0, 32], [4, 0]] {
      #expect(Quantizer(format: format).pack(.zeros(shape)).unpacked().shape == shape)
      #expect(Quantizer(format: format).fakeQuantize(.zeros(shape)).shape == shape)
    }
  }
}

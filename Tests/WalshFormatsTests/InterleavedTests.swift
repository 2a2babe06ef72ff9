import CKernels
import TestSupport
import Testing
import WalshTensor

@testable import WalshFormats

/// Products as `interleaved.h` defines them, one Float32 operation after the other.
private enum Reference {
  /// Integers of codes: twice the value for E2M1.
  static func integers(_ m: PackedMatrix) -> [[Int]] {
    (0..<m.rows).map { row in
      m.codes(ofRow: row).map { m.format.element.isInteger ? Int($0) - 8 : Int(2 * E2M1.decode($0)) }
    }
  }

  /// Stored scales, without the tensor scale.
  static func scales(_ m: PackedMatrix) -> [[Float]] {
    let plain = BlockScales(format: m.format, rows: m.rows, columns: m.columns, bytes: m.scales, tensorScale: 1)
    return (0..<m.rows).map { row in (0..<plain.groupsPerRow).map { plain.scale(row: row, group: $0) } }
  }

  /// int8 values and scales of one row.
  static func quantize(_ x: [Float], group: Int) -> (values: [Int], scales: [Float]) {
    var values: [Int] = []
    var scales: [Float] = []
    for first in stride(from: 0, to: x.count, by: group) {
      let block = x[first..<min(first + group, x.count)]
      let amax = block.contains { !$0.isFinite } ? Float.nan : block.map(\.magnitude).max() ?? 0
      scales.append(amax < 0x1p-100 ? 0 : amax / 127)
      values += block.map {
        amax >= 0x1p-100 ? Int(($0 * (127 / amax)).rounded(.toNearestOrEven)) : 0
      }
    }
    return (values, scales)
  }

  static func product(
    _ w: PackedMatrix, values: [[Int]], scales: [[Float]], group: Int, factor: Float, globalScale: Float
  ) -> [Float] {
    let (integers, weightScales) = (integers(w), Self.scales(w))
    let weightGroup = w.format.groupSize(columns: w.columns)
    return values.indices.flatMap { t in
      (0..<w.rows).map { r in
        var sum: Float = 0
        for (g, first) in stride(from: 0, to: w.columns, by: group).enumerated() {
          let columns = first..<min(first + group, w.columns)
          let total = columns.reduce(0) { $0 + integers[r][$1] * values[t][$1] }
          let scale = weightScales[r][first / weightGroup] * (scales[t][g] * factor)
          sum += Float(total) * scale
        }
        return sum / (w.globalScale ?? 1) / globalScale
      }
    }
  }
}

@Suite("Interleaved matrices")
struct InterleavedTests {
  static let formats: [NumericFormat] = [
    .mxfp4, .mxfp4(.staticThreeQuarters), .nvfp4, .nvfp4Tiles, .nvfp4OneLevel, .int(4, group: 32),
    .int(4, group: 128),
    .intPerRow(4), NumericFormat(element: .e2m1, granularity: .group(64), scale: .bfloat16),
  ]
  static let shapes = [[1, 1], [3, 7], [17, 33], [16, 64], [33, 80], [40, 272], [5, 130]]

  private func weight(_ format: NumericFormat, _ x: Tensor) throws -> (PackedMatrix, InterleavedMatrix) {
    let packed = Quantizer(format: format).pack(x)
    return (packed, try #require(InterleavedMatrix(packed)))
  }

  /// The bits, with one pattern for NaN: its sign and payload mean nothing.
  private func bits(_ values: [Float]) -> [UInt32] { values.map { $0.isNaN ? 0x7FC0_0000 : $0.bitPattern } }

  @Test("repacking loses nothing", arguments: formats)
  func roundTrip(format: NumericFormat) throws {
    for shape in Self.shapes + [[0, 32], [4, 0]] {
      for x in [Adversary.normal(shape[0], shape[1]), Adversary.anything(shape[0], shape[1])] {
        let (packed, w) = try weight(format, x)
        #expect(w.packed == packed)
        #expect(w.unpacked().values.map(\.bitPattern) == packed.unpacked().values.map(\.bitPattern))
      }
    }
  }

  @Test("formats of other widths and with zero points have no interleaved form")
  func refused() {
    let others: [NumericFormat] = [
      .mxfp8, .int(8, group: 32), .int(3, group: 32), .int(4, group: 32, symmetric: false), .int(4, group: 16),
      .fp8e4m3,
    ]
    for format in others { #expect(InterleavedMatrix(Quantizer(format: format).pack(.zeros([16, 64]))) == nil) }
  }

  @Test(
    "four-bit by eight-bit products have the bits of the definition", arguments: formats, InstructionSet.available)
  func eightBit(format: NumericFormat, isa: InstructionSet) throws {
    for (shape, tokens) in zip(Self.shapes, [1, 2, 9, 24, 25, 3, 55]) {
      let k = shape[1]
      let inputs = [
        (Adversary.normal(shape[0], k), Adversary.normal(tokens, k, seed: 5)),
        (Adversary.anything(shape[0], k), Adversary.normal(tokens, k, seed: 5)),
        (Adversary.normal(shape[0], k), Adversary.anything(tokens, k, seed: 6)),
      ]
      for (w, x) in inputs {
        let (packed, matrix) = try weight(format, w)
        let group = matrix.layout.activationGroup
        let rows = (0..<tokens).map { Reference.quantize(x.row($0).values, group: group) }
        let expected = Reference.product(
          packed, values: rows.map(\.values), scales: rows.map(\.scales), group: group, factor: matrix.layout.factor,
          globalScale: 1)
        let y = matrix.multiply(QuantizedRows(int8: x, for: matrix, isa: isa), isa: isa)
        #expect(y.shape == [tokens, shape[0]])
        #expect(bits(y.values) == bits(expected), "\(shape) × \(tokens)")
      }
    }
  }

  @Test("four-bit by four-bit products have the bits of the definition", arguments: formats, InstructionSet.available)
  func fourBit(format: NumericFormat, isa: InstructionSet) throws {
    for (shape, tokens) in zip(Self.shapes, [1, 2, 9, 24, 25, 3, 55]) {
      let k = shape[1]
      for (w, x) in [
        (Adversary.normal(shape[0], k), Adversary.normal(tokens, k, seed: 5)),
        (Adversary.finite(shape[0], k), Adversary.anything(tokens, k, seed: 6)),
      ] {
        let (packed, matrix) = try weight(format, w)
        let activations = Quantizer(format: format).pack(x)
        let values = Reference.integers(activations)
        let group = matrix.layout.group
        // A group of zeros has the scale zero.
        let scales = zip(values, Reference.scales(activations)).map { values, scales in
          scales.enumerated().map { g, scale in
            let start = g * format.groupSize(columns: k)
            let end = min(start + format.groupSize(columns: k), k)
            return !scale.isNaN && values[start..<end].allSatisfy { $0 == 0 } ? 0 : scale
          }
        }
        let expected = Reference.product(
          packed, values: values, scales: scales, group: min(group, max(k, 1)),
          factor: matrix.layout.factor * matrix.layout.factor, globalScale: activations.globalScale ?? 1)
        let y = matrix.multiply(QuantizedRows(activations, for: matrix), isa: isa)
        #expect(bits(y.values) == bits(expected), "\(shape) × \(tokens)")
      }
    }
  }

  @Test("the largest integers fit", arguments: InstructionSet.available)
  func extremes(isa: InstructionSet) throws {
    for (format, low, high) in [
      (NumericFormat.mxfp4, 0xFF, 0x77), (.nvfp4, 0xFF, 0x77), (.int(4, group: 32), 0x00, 0xFF),
    ] {
      for code in [low, high] {
        let scales: [UInt8] =
          switch format.scale {
          case .e8m0: [UInt8](repeating: 127, count: 2)
          case .e4m3: [UInt8](repeating: 0x38, count: 4)
          default: [0x80, 0x3F, 0x80, 0x3F]
          }
        let packed = PackedMatrix(
          format: format, rows: 1, columns: 64, codes: [UInt8](repeating: UInt8(code), count: 32), scales: scales)
        let w = try #require(InterleavedMatrix(packed))
        let level = packed.unpacked().values[0]
        for sign: Float in [1, -1] {
          let y = w.multiply(
            QuantizedRows(int8: Tensor(shape: [1, 64], repeating: sign * 127), for: w, isa: isa), isa: isa)
          #expect(y.values == [level * sign * 127 * 64])
        }
      }
    }
  }

  @Test("every byte of a scale, whatever a file may hold", arguments: InstructionSet.available)
  func everyScale(isa: InstructionSet) throws {
    for format in [NumericFormat.mxfp4, .nvfp4] {
      let groups = format.groupsPerRow(columns: 32)
      let packed = PackedMatrix(
        format: format, rows: 256, columns: 32, codes: [UInt8](repeating: 0x22, count: 256 * 16),
        scales: (0..<256).flatMap { [UInt8](repeating: UInt8($0), count: groups) })
      let w = try #require(InterleavedMatrix(packed))
      // 127 ones in the first column of each group: every scale is 1.
      let x = Tensor((0..<32).map { $0 % 16 == 0 ? 127 : 0 }, shape: [1, 32])
      let expected = (0..<256).map { row in
        let row = packed.row(row).values
        return 0 + row[0] * 127 + row[16] * 127
      }
      let y = w.multiply(QuantizedRows(int8: x, for: w, isa: isa), isa: isa)
      #expect(bits(y.values) == bits(expected))
    }
  }

  @Test("products with Float32 rows are as accurate as Float32, with the same bits for every instruction set")
  func exact() throws {
    for format in Self.formats {
      for (rows, k, tokens) in [(21, 80, 1), (40, 512, 7), (16, 4096, 9), (3, 5, 30)] {
        let (packed, w) = try weight(format, Tensor.normal([rows, k], from: RandomStream(seed: 1, purpose: "w")))
        let x = Tensor.normal([tokens, k], from: RandomStream(seed: 1, purpose: "x"))
        let (a, b) = (x.values, packed.unpacked().values)
        let reference = (0..<tokens).flatMap { t in
          (0..<rows).map { r in (0..<k).reduce(0.0) { $0 + Double(a[t * k + $1]) * Double(b[r * k + $1]) } }
        }
        let y = w.multiply(x)
        #expect(relativeError(y.values.map(Double.init), reference) < 4e-7)
        for isa in InstructionSet.available {
          #expect(w.multiply(QuantizedRows(exact: x, for: w, isa: isa), isa: isa) == y)
        }
      }
    }
  }

  @Test("Float32 rows enter with 23 bits of their group's largest magnitude", arguments: InstructionSet.available)
  func digits(isa: InstructionSet) throws {
    // Row i of W picks column i: the product is x as it entered.
    let k = 96
    let (_, identity) = try weight(.int(4, group: 32), Tensor.identity(k))
    let scale = try #require(identity.unpacked().values.first)
    for x in [
      Adversary.normal(30, k), Adversary.finite(30, k),
      Tensor.normal([30, k], from: RandomStream(seed: 4, purpose: "x")),
    ] {
      let y = identity.multiply(QuantizedRows(exact: x, for: identity, isa: isa), isa: isa)
      for t in 0..<30 {
        let row = x.row(t).values
        for i in 0..<k {
          let block = row[i / 32 * 32..<i / 32 * 32 + 32]
          let amax = block.map(\.magnitude).max() ?? 0
          let entered = Double(y[t, i]) / Double(scale)
          // The product itself rounds a few times.
          let bound = Double(amax) * (amax < 0x1p-100 ? 1 : 0x1p-23) + Double(row[i].magnitude) * 0x1p-22
          #expect(amax > 3e38 || abs(entered - Double(row[i])) <= bound, "\(row[i]) in \(amax)")
        }
      }
    }
  }

  @Test("a row gives the same alone and among others, on any number of threads", arguments: formats)
  func batches(format: NumericFormat) throws {
    let (_, w) = try weight(format, Adversary.normal(150, 208))
    let x = Adversary.normal(61, 208, seed: 7)
    let before = Parallel.workerCount
    defer { Parallel.workerCount = before }
    let exact = w.multiply(x)
    let eight = w.multiply(QuantizedRows(int8: x, for: w))
    for workers in [1, 2, 8] {
      Parallel.workerCount = workers
      #expect(w.multiply(x) == exact)
      #expect(w.multiply(QuantizedRows(int8: x, for: w)) == eight)
    }
    for t in stride(from: 0, to: 61, by: 6) {
      let row = x.row(t).reshaped(to: [1, 208])
      #expect(w.multiply(row).values == exact.row(t).values)
      #expect(w.multiply(QuantizedRows(int8: row, for: w)).values == eight.row(t).values)
    }
  }

  @Test("NaN and infinity make the results of their row NaN, and of no other")
  func notANumber() throws {
    let (_, w) = try weight(.mxfp4, Tensor.normal([20, 64], from: RandomStream(seed: 2, purpose: "w")))
    var x = Tensor.normal([3, 64], from: RandomStream(seed: 2, purpose: "x"))
    x[1, 40] = .infinity
    for y in [
      w.multiply(x), w.multiply(QuantizedRows(int8: x, for: w)),
      w.multiply(QuantizedRows(x, by: Quantizer(format: .mxfp4), for: w)),
    ] {
      #expect(y.row(1).values.allSatisfy { $0.isNaN })
      #expect(y.row(0).values.allSatisfy(\.isFinite) && y.row(2).values.allSatisfy(\.isFinite))
    }
  }

  @Test("quantized rows are the same bytes for every instruction set")
  func sameBytes() throws {
    for format in [NumericFormat.mxfp4, .nvfp4, .int(4, group: 128)] {
      for (tokens, k) in [(1, 32), (24, 96), (31, 200), (8, 5)] {
        let (_, w) = try weight(format, Adversary.normal(16, k))
        for x in [Adversary.normal(tokens, k), Adversary.anything(tokens, k)] {
          func contents(_ rows: QuantizedRows) -> [UInt8] {
            Array(UnsafeBufferPointer(start: rows.bytes.bytes, count: rows.bytes.count))
          }
          let eight = contents(QuantizedRows(int8: x, for: w, isa: .base))
          let exact = contents(QuantizedRows(exact: x, for: w, isa: .base))
          for isa in InstructionSet.available {
            #expect(contents(QuantizedRows(int8: x, for: w, isa: isa)) == eight)
            #expect(contents(QuantizedRows(exact: x, for: w, isa: isa)) == exact)
          }
        }
      }
    }
  }

  @Test("A product over no columns is zero, and rows for E2M1 are not those for INT4")
  func empty() throws {
    let none = try #require(InterleavedMatrix(Quantizer(format: .mxfp4).pack(Tensor.zeros([4, 0]))))
    #expect(none.multiply(Tensor.zeros([3, 0])) == Tensor.zeros([3, 4]))
    let x = Tensor(shape: [16, 64], repeating: 0.5)
    let floats = try #require(InterleavedMatrix(Quantizer(format: .mxfp4).pack(x)))
    let integers = try #require(InterleavedMatrix(Quantizer(format: .int(4, group: 32)).pack(x)))
    #expect(!floats.takesRows(for: integers) && floats.takesRows(for: floats))
  }

  @Test("A group gives the products of its matrices side by side", arguments: formats)
  func group(format: NumericFormat) throws {
    let matrices = try [40, 7, 130].map { try weight(format, Adversary.normal($0, 208, seed: UInt64($0))).1 }
    let group = try #require(InterleavedGroup(matrices))
    #expect(group.rows == 177)
    for tokens in [1, 2, 30] {
      let x = Adversary.normal(tokens, 208, seed: 8)
      for rows in [QuantizedRows(int8: x, for: matrices[0]), QuantizedRows(exact: x, for: matrices[0])] {
        var side = Tensor.zeros([tokens, 177])
        side.withUnsafeMutableBufferPointer { group.multiply(rows, into: $0) }
        let parts = matrices.map { $0.multiply(rows) }
        for t in 0..<tokens { #expect(side.row(t).values == parts.flatMap { $0.row(t).values }) }
      }
    }
    #expect(InterleavedGroup([]) == nil)
    let other = try weight(format, Adversary.normal(16, 96)).1
    #expect(InterleavedGroup([matrices[0], other]) == nil)
  }

  @Test("Rows replaced in their memory are new rows; shared ones stay what they were", arguments: formats)
  func replaced(format: NumericFormat) throws {
    let wide = try weight(format, Adversary.normal(20, 272)).1
    let narrow = try weight(format, Adversary.normal(20, 130)).1
    var rows = QuantizedRows(int8: Adversary.normal(3, 130), for: narrow)
    let shared = rows
    let before = narrow.multiply(shared)
    for (seed, w) in [(1, wide), (2, narrow), (3, wide)] {
      let x = Adversary.normal(1, w.columns, seed: UInt64(seed))
      x.withUnsafeBufferPointer { rows.replace(int8: $0, for: w) }
      #expect(w.multiply(rows) == w.multiply(QuantizedRows(int8: x, for: w)))
      x.withUnsafeBufferPointer { rows.replace(exact: $0, for: w) }
      #expect(w.multiply(rows) == w.multiply(x))
    }
    #expect(narrow.multiply(shared) == before)
  }

  @Test("Preparing rows tile by tile is preparing them before", arguments: formats)
  func prepared(format: NumericFormat) throws {
    let w = try weight(format, Adversary.normal(20, 272)).1
    let x = Adversary.normal(61, 272, seed: 9)
    let negated = -x
    let eight = QuantizedRows(int8: x, for: w) { $0 = -$0 }
    #expect(w.multiply(eight) == w.multiply(QuantizedRows(int8: negated, for: w)))
    let exact = QuantizedRows(exact: x, for: w) { $0 = -$0 }
    #expect(w.multiply(exact) == w.multiply(negated))
  }
}

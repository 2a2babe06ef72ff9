import CKernels
import TestSupport
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Packed rows")
struct PackedRowsTests {
  static let formats: [NumericFormat] =
    (2...8).flatMap { [.intPerRow($0), .intPerRow($0, symmetric: false)] }
    + [.int(4, group: 8), .int(5, group: 7, symmetric: false), .mxfp4, .mx(.e2m3, .even), .mxfp8, .nvfp4, .fp8e4m3]

  @Test("Rows added in pieces decode to what each piece packs to", arguments: formats)
  func pieces(_ format: NumericFormat) {
    let x = Tensor.normal([11, 3 * 37], from: RandomStream(seed: 3, purpose: "rows"))
    var rows = PackedRows(format: format, columns: 3 * 37, headSize: 37)
    var expected: [Tensor] = []
    for range in [0..<1, 1..<2, 2..<9, 9..<11] {
      rows.append(x.rows(range))
      expected.append(Quantizer(format: format).pack(x.rows(range).reshaped(to: [3 * range.count, 37])).unpacked())
    }
    let whole = Tensor.stackingRows(expected).reshaped(to: [11, 3 * 37])
    #expect(rows.unpacked() == whole)
    #expect(rows.rowCount == 11)

    let scratch = UnsafeMutablePointer<Float>.allocate(capacity: 4 * 37)
    defer { scratch.deallocate() }
    rows.withTile(rows: 5..<9, columns: 37..<74, scratch: scratch) { tile, stride in
      for i in 0..<4 { for j in 0..<37 { #expect(tile[i * stride + j] == whole[5 + i, 37 + j]) } }
    }
  }

  @Test("Every instruction set decodes to the same bits", arguments: InstructionSet.available, [2, 3, 4, 5, 6, 7, 8])
  func decoding(isa: InstructionSet, bits: Int) {
    let (rows, columns, group) = (5, 77, 34)
    let stride = (columns * bits + 7) / 8 + 3
    let random = RandomStream(seed: 4, purpose: "codes")
    let codes = (0..<rows * stride).map { UInt8(truncatingIfNeeded: Int(random.uniform64(at: $0) * 256)) }
    let scales = (0..<rows * 3).map { Float(random.uniform64(at: 10_000 + $0)) }
    let zeros = (0..<rows * 3).map { UInt8($0 * 5 % (1 << bits)) }
    let table = (0..<1 << bits).map { Float($0 * $0) / 3 - 7 }
    for (hasTable, hasZeros) in [(false, false), (false, true), (true, false), (true, true)] {
      var result = [Float](repeating: .nan, count: rows * columns)
      table.withUnsafeBufferPointer { table in
        zeros.withUnsafeBufferPointer { zeros in
          var source = walsh_code_rows(
            codes: codes.withUnsafeBufferPointer { $0.baseAddress }, code_stride: stride, bits: Int32(bits),
            table: hasTable ? table.baseAddress : nil, scales: scales.withUnsafeBufferPointer { $0.baseAddress },
            scale_stride: 3, group: group, zeros: hasZeros ? zeros.baseAddress : nil, zero: 3)
          withExtendedLifetime((codes, scales)) { walsh_decode_rows(isa.rawValue, &source, rows, columns, &result) }
        }
      }
      var differing = 0
      for row in 0..<rows {
        for column in 0..<columns {
          var code = 0
          for bit in 0..<bits {
            let place = column * bits + bit
            code |= Int(codes[row * stride + place / 8] >> UInt8(place % 8) & 1) << bit
          }
          let value = hasTable ? table[code] : Float(code)
          let zero = hasZeros ? Float(zeros[row * 3 + column / group]) : 3
          if result[row * columns + column] != (value - zero) * scales[row * 3 + column / group] { differing += 1 }
        }
      }
      #expect(differing == 0)
    }
  }
}

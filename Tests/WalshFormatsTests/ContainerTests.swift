import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Number formats, section 2.6: containers")
struct ContainerTests {
  @Test("5.5 swizzle then unswizzle is the identity", arguments: [(1, 1), (128, 4), (130, 5), (257, 64)])
  func swizzle(rows: Int, columns: Int) {
    let scales = (0..<rows * columns).map { UInt8(truncatingIfNeeded: $0 * 31 + 7) }
    let swizzled = ScaleSwizzle.swizzled(scales, rows: rows, columns: columns)
    #expect(swizzled.count == ((rows + 127) / 128) * ((columns + 3) / 4) * 512)
    #expect(ScaleSwizzle.unswizzled(swizzled, rows: rows, columns: columns) == scales)
  }

  @Test("2.6 the inverse permutation as an array library writes it")
  func swizzlePermutation() {
    // Reshape to (R'/128, C'/4, 32, 4, 4), permute (0, 3, 2, 1, 4), reshape to (R', C').
    let (rows, columns) = (256, 8)
    let scales = (0..<rows * columns).map { UInt8(truncatingIfNeeded: $0 * 13 + $0 / 256) }
    let swizzled = ScaleSwizzle.swizzled(scales, rows: rows, columns: columns)
    var restored: [UInt8] = []
    for a in 0..<2 {
      for d in 0..<4 {
        for c in 0..<32 {
          for b in 0..<2 {
            for e in 0..<4 { restored.append(swizzled[(((a * 2 + b) * 32 + c) * 4 + d) * 4 + e]) }
          }
        }
      }
    }
    #expect(restored == scales)
  }

  @Test("2.6 single elements of a swizzled tile")
  func swizzleOffsets() {
    #expect(ScaleSwizzle.offset(row: 0, column: 0, columns: 4) == 0)
    #expect(ScaleSwizzle.offset(row: 33, column: 2, columns: 4) == 1 * 16 + 1 * 4 + 2)
    #expect(ScaleSwizzle.offset(row: 127, column: 3, columns: 8) == 511)
    #expect(ScaleSwizzle.offset(row: 128, column: 4, columns: 8) == 3 * 512)
  }

  @Test("GGUF repacking keeps every number", arguments: GGUFBlocks.Kind.allCases)
  func repack(kind: GGUFBlocks.Kind) throws {
    let packed = Quantizer(format: kind == .mxfp4 ? .mxfp4(.floor) : .nvfp4).pack(Adversary.normal(6, 192))
    let blocks = try GGUFBlocks(packed)
    #expect(blocks.bytes.count == 6 * 192 / kind.elementCount * kind.byteCount)
    #expect(blocks.packed.codes == packed.codes)
    #expect(blocks.packed.scales == packed.scales)
    let (a, b) = (blocks.unpacked().values, packed.unpacked().values)
    #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) })
    if kind == .mxfp4 { #expect(a == b) }
    let read = try GGUFBlocks(
      kind: kind, rows: 6, columns: 192, bytes: blocks.bytes, tensorScale: blocks.tensorScale)
    #expect(read == blocks)
  }

  @Test("GGUF reads 0x7F and a sign in an NVFP4 scale as ggml does")
  func ggmlScales() throws {
    let bytes: [UInt8] = [0x7F, 0xB8, 0x38, 0xFF] + [UInt8](repeating: 0x22, count: 32)
    let y = try GGUFBlocks(kind: .nvfp4, rows: 1, columns: 64, bytes: bytes).unpacked().values
    #expect(
      y == [Float](repeating: 0, count: 16) + [Float](repeating: 1, count: 32) + [Float](repeating: 0, count: 16))
  }

  @Test("GGUF refuses what it cannot hold, in one sentence")
  func refusals() {
    func message(_ x: Tensor, _ format: NumericFormat) -> String {
      do throws(FormatError) {
        _ = try GGUFBlocks(Quantizer(format: format).pack(x))
        return ""
      } catch { return "\(error)" }
    }
    #expect(message(.zeros([2, 48]), .mxfp4).contains("multiple of 32"))
    #expect(message(.zeros([2, 48]), .nvfp4).contains("multiple of 64"))
    #expect(message(.zeros([2, 64]), .mxfp8).contains("MXFP8"))
    #expect(message(.zeros([2, 64]), .mxfp4(.staticThreeQuarters)).contains("STATIC34"))
    var x = Tensor.zeros([2, 64])
    x[1, 40] = .nan
    #expect(message(x, .mxfp4).contains("group 1 of row 1"))
    #expect(message(x, .nvfp4).contains("group 2 of row 1"))
    #expect(throws: FormatError.self) { try GGUFBlocks(ggml: x, kind: .mxfp4) }
    #expect(throws: FormatError.self) { try GGUFBlocks(ggml: .zeros([1, 40]), kind: .nvfp4) }
  }

  @Test("ggml's MXFP4 of ordinary data is FLOOR with ties toward zero, and tiny blocks clamp to byte 0")
  func ggmlIsFloor() throws {
    let x = Adversary.normal(6, 64)
    let ours = Quantizer(format: .mxfp4(.floor), rounding: .nearestTowardZero).fakeQuantize(x)
    let ggml = try GGUFBlocks(ggml: x, kind: .mxfp4)
    #expect(ggml.unpacked() == ours)
    let tiny = try GGUFBlocks(ggml: Tensor(shape: [1, 32], repeating: 0x1p-130), kind: .mxfp4)
    #expect(tiny.bytes.first == 0)
  }

  @Test("4. MXFP4 becomes NVFP4 without loss")
  func lossless() throws {
    for columns in [64, 40, 33] {
      var x = Tensor.normal([16, columns], from: RandomStream(seed: 3, purpose: "lossless"))
      for row in 0..<16 { for column in 0..<columns { x[row, column] *= powerOfTwo(row % 8 - 4) } }
      for column in 0..<columns { x[5, column] = column % 2 == 0 ? 0 : -0.0 }
      let packed = Quantizer(format: .mxfp4(.floor)).pack(x)
      let converted = try packed.asNVFP4()
      #expect(converted.codes == packed.codes)
      #expect(bits(converted.unpacked()) == bits(packed.unpacked()))
    }
  }

  @Test("4. the conversion spans 17 binades and refuses 18; NaN stays NaN; the ends of the range work")
  func losslessLimits() throws {
    func matrix(_ bytes: [UInt8]) -> PackedMatrix {
      PackedMatrix(
        format: .mxfp4, rows: 1, columns: 32 * bytes.count,
        codes: [UInt8](repeating: 0x7A, count: 16 * bytes.count), scales: bytes)
    }
    for bytes in [[100, 117], [0, 17], [237, 254], [0, 0], [120, 255, 121]] as [[UInt8]] {
      let packed = matrix(bytes)
      #expect(try bits(packed.asNVFP4().unpacked()) == bits(packed.unpacked()))
    }
    #expect(throws: FormatError.tooManyBinades(18)) { _ = try matrix([100, 118]).asNVFP4() }
    #expect(throws: FormatError.self) { try Quantizer(format: .nvfp4).pack(.zeros([1, 32])).asNVFP4() }
  }
}

import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Number formats, sections 5.2 and 5.3: golden blocks")
struct GoldenBlockTests {
  @Test(
    "5.2 MXFP4",
    arguments: [
      (E8M0Rule.floor, "7f", "20426476a8caecfe8080113243546576"),
      (.even, "7f", "20426476a8caecfe8080113243546576"),
      (.rceil, "7f", "20426476a8caecfe8080113243546576"),
      (.ceil, "80", "1021425498a9cadc8080101122324354"),
    ])
  func mxfp4(rule: E8M0Rule, scale: String, codes: String) {
    let packed = Quantizer(format: .mxfp4(rule)).pack(Tensor(Golden.mxBlock, shape: [1, 32]))
    #expect(hex(packed.scales) == scale)
    #expect(hex(packed.codes) == codes)
  }

  @Test("5.2 ggml's MXFP4")
  func ggmlMXFP4() throws {
    let blocks = try GGUFBlocks(ggml: Tensor(Golden.mxBlock, shape: [1, 32]), kind: .mxfp4)
    #expect(hex(blocks.bytes) == "7f000102031415263730494a5b5c6d6e7f")
  }

  @Test("5.2 ties toward zero give ggml's codes")
  func tiesTowardZero() {
    let quantizer = Quantizer(format: .mxfp4(.floor), rounding: .nearestTowardZero)
    let codes = quantizer.pack(Tensor(Golden.mxBlock, shape: [1, 32])).codes(ofRow: 0)
    // ggml never writes −0.
    let expected = "0123456709abcdef0000112334455667"
    #expect(codes.map { String($0 == 8 ? 0 : $0, radix: 16) }.joined() == expected)
  }

  @Test("5.2 a 7 among ones saturates under FLOOR and lifts the scale under EVEN, RCEIL and CEIL")
  func seven() {
    let x = Tensor([7] + [Float](repeating: 1, count: 31), shape: [1, 32])
    let floor = Quantizer(format: .mxfp4(.floor)).pack(x)
    #expect(floor.scales == [0x7F])
    #expect(floor.codes(ofRow: 0) == [7] + [UInt8](repeating: 2, count: 31))
    for rule in [E8M0Rule.even, .rceil, .ceil] {
      let packed = Quantizer(format: .mxfp4(rule)).pack(x)
      #expect(packed.scales == [0x80])
      #expect(packed.codes(ofRow: 0) == [6] + [UInt8](repeating: 1, count: 31))
      #expect(packed.unpacked().values == [8] + [Float](repeating: 1, count: 31))
    }
  }

  @Test("5.3 NVFP4 two-level")
  func nvfp4() {
    let packed = Quantizer(format: .nvfp4).pack(Tensor(Golden.nvBlocks, shape: [1, 64]))
    #expect(packed.globalScale == 448)
    #expect(hex(packed.scales) == "7e63004c")
    #expect(hex(packed.codes) == "21436597badcfe0021436597badcfe10000000808888880021436597badcfe00")
  }

  @Test("5.3 NVFP4 repacked for GGUF")
  func repacked() throws {
    let packed = Quantizer(format: .nvfp4).pack(Tensor(Golden.nvBlocks, shape: [1, 64]))
    let blocks = try GGUFBlocks(packed)
    #expect(
      hex(blocks.bytes) == "7e63004c" + "a1b2c3d4e5f60709" + "a1b2c3d4e5f60719" + "8080808080800008"
        + "a1b2c3d4e5f60709")
    #expect(blocks.tensorScale == Float(1) / 448)
    #expect(blocks.packed.codes == packed.codes)
    #expect(blocks.packed.scales == packed.scales)
  }

  @Test("5.3 ggml's NVFP4")
  func ggmlNVFP4() throws {
    let blocks = try GGUFBlocks(ggml: Tensor(Golden.nvBlocks, shape: [1, 64]), kind: .nvfp4)
    #expect(
      hex(blocks.bytes) == "381d0007" + "a1b2c3d4e5f60709" + "a1b2c3d4e5f60709" + "0000000000000000"
        + "a1b2c3d4e5f60709")
  }

  @Test(
    "2.6 ggml's conversion of scales differs from E4M3 where it should",
    arguments: [
      (255, 0x7E), (256, 0x7E), (272, 0x7E), (288, 0x7E), (300, 0x7E), (400, 0x7E), (0.0166015625, 0x09),
      (0.0146484375, 0x07), (0x1p-10, 0x01), (448, 0x7E), (1, 0x38), (0, 0),
    ] as [(Float, UInt8)])
  func unsignedE4M3(value: Float, byte: UInt8) {
    #expect(GGUFBlocks.unsignedE4M3(value) == byte)
  }
}

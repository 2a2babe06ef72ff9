import TestSupport
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Number formats, section 5.4: golden matrices")
struct GoldenMatrixTests {
  /// A row of the table: what is quantized, how, and the checksums of data and scales for G1 and G2.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let format: NumericFormat
    var prepare: @Sendable (Tensor) -> Tensor = { $0 }
    let g1: (String, String)
    let g2: (String, String)
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "MXFP4 floor", format: .mxfp4(.floor), g1: ("210a400e196a061f", "d1ff5341c2c2f711"),
      g2: ("a39bbf897b423278", "443c36ca919e9a7d")),
    Case(
      name: "MXFP4 even", format: .mxfp4(.even), g1: ("1548f8456ef9e7a8", "6355e764a3aa4572"),
      g2: ("e7da3f58d43cf95d", "7b8568856abc8fa2")),
    Case(
      name: "MXFP4 ceil", format: .mxfp4(.ceil), g1: ("11bde5ad64671d07", "b594726a6a074625"),
      g2: ("9c9e6b1376e771ba", "5adde1b4c2b969c9")),
    Case(
      name: "MXFP4 rceil", format: .mxfp4(.rceil), g1: ("11bde5ad64671d07", "b594726a6a074625"),
      g2: ("9c9e6b1376e771ba", "5adde1b4c2b969c9")),
    Case(
      name: "MXFP8 E4M3 floor", format: .mx(.e4m3, .floor), g1: ("b8c09c94747ca464", "47be26e55e4dfe6d"),
      g2: ("ccdae64484a5897f", "e648fa1b71582a91")),
    Case(
      name: "MXFP8 E4M3 rceil", format: .mx(.e4m3, .rceil), g1: ("e8efcbbc3125ca35", "9558808e7321cc82"),
      g2: ("50fd2417eb723c5c", "be847177f306ed52")),
    Case(
      name: "NVFP4 1x16", format: .nvfp4, g1: ("67c96be2865fc3ee", "99affe34c17a38b3"),
      g2: ("ba535a6d8175531e", "5d432522cbbcba8b")),
    Case(
      name: "NVFP4 16x16", format: .nvfp4Tiles, g1: ("4fd7875a94b12966", "25cb5d0f83156925"),
      g2: ("bdfd1c91412e2309", "353a0530cde1e025")),
    Case(
      name: "Four Over Six 1x16, MAE", format: .nvfp4(.fourOverSixMAE), g1: ("6e36e7e8e7d57991", "716c01cbfa765a15"),
      g2: ("f32a6a722e22f11c", "b0be122ee60d5fd6")),
    Case(
      name: "Four Over Six 1x16, MSE", format: .nvfp4FourOverSix, g1: ("c3738b95dd4ebcd3", "21396415f6c29215"),
      g2: ("74d962e2075581f4", "d34f5679b70836a6")),
    Case(
      name: "Four Over Six 16x16, MAE", format: .nvfp4(.fourOverSixMAE, tiles: true),
      g1: ("4adabdc676fa32d4", "e7fed49913701d25"), g2: ("d93d6c87cda15ed9", "7f0d12eb244a2465")),
    Case(
      name: "Four Over Six 16x16, MSE", format: .nvfp4(.fourOverSixMSE, tiles: true),
      g1: ("11bde5ad64671d07", "bc22cafcdc6bc325"), g2: ("7d0e6c7c4815073c", "95135be1562a3e65")),
    Case(
      name: "transpose, RHT-16, NVFP4 1x16", format: .nvfp4, prepare: { Golden.rht16(Golden.transposed($0)) },
      g1: ("8f3174ebc3012d3f", "d81cbca7977a74d9"), g2: ("4642346927b74149", "3e63f46900fcffce")),
    Case(
      name: "torchao NVFP4 with per_tensor_scale", format: .nvfp4(.torchao),
      g1: ("f62a0dea6ee26186", "99affe34c17a38b3"), g2: ("68838ec791a1e356", "737d502ec59d978b")),
    Case(
      name: "torchao NVFP4 without per_tensor_scale", format: .nvfp4(.torchaoOneLevel),
      g1: ("052cee6a107b0604", "890d1e2ea60ed049"), g2: ("0bd452c280810e60", "643b499912a1ce1d")),
  ]

  @Test("5.4 the golden matrices themselves")
  func inputs() {
    #expect(hex(fnv1a("a".utf8)) == "af63dc4c8601ec8c")
    #expect(hex(GoldenMatrices.g1.checksum) == "c986444cd1130815")
    #expect(hex(GoldenMatrices.g2.checksum) == "cdf256ad86b53f14")
    #expect(GoldenMatrices.g1.finiteAmax == 2)
    #expect(Golden.rht16(GoldenMatrices.g1).finiteAmax == 4.36328125)
    #expect(Golden.rht16(Golden.transposed(GoldenMatrices.g1)).finiteAmax == 3.8046875)
  }

  @Test("NVFP4 recipe 2.3: the signed Hadamard transform of 1…16")
  func rht() {
    let expected: [Float] = [
      -15.5, -7.5, 7.5, -0.5, 7.5, -0.5, -15.5, 8.5, 8.5, 16.5, 1.5, 1.5, 1.5, -2.5, 10.5, -17.5,
    ]
    #expect(Golden.rht16(Tensor((1...16).map(Float.init))).values == expected)
  }

  @Test("5.4 checksums of packed data and scales", arguments: cases)
  func checksums(_ golden: Case) {
    for (matrix, expected) in [(GoldenMatrices.g1, golden.g1), (GoldenMatrices.g2, golden.g2)] {
      let packed = Quantizer(format: golden.format).pack(golden.prepare(matrix))
      #expect(hex(fnv1a(packed.codes)) == expected.0)
      #expect(hex(fnv1a(packed.scales)) == expected.1)
    }
  }

  @Test("5.4 RHT-16 along rows, then NVFP4 1x16")
  func rotatedRows() {
    // In this row of the table the first column is the checksum of the rotated matrix and the second that of the data.
    let expected = [("6343a7500c0543f3", "c2927ab13b885076"), ("fb6a5c8897e91877", "5dd351e6baaa104f")]
    for (matrix, golden) in zip([GoldenMatrices.g1, GoldenMatrices.g2], expected) {
      let rotated = Golden.rht16(matrix)
      #expect(hex(rotated.checksum) == golden.0)
      #expect(hex(fnv1a(Quantizer(format: .nvfp4).pack(rotated).codes)) == golden.1)
    }
  }

  @Test("5.4 first bytes of G1")
  func firstBytes() {
    func first(_ format: NumericFormat) -> [String] {
      let packed = Quantizer(format: format).pack(GoldenMatrices.g1)
      return [hex(packed.codes.prefix(8)), hex(packed.scales.prefix(4))]
    }
    #expect(first(.mxfp4(.floor)) == ["cf2f783fa68567ee", "7d7d7e7e"])
    #expect(first(.mxfp4(.even)) == ["ad1d682e948345cc", "7e7e7e7e"])
    #expect(first(.mxfp4(.rceil)) == ["ad1d682e948345cc", "7e7e7e7e"])
    #expect(first(.nvfp4) == ["cf1e783f958456dd", "7e7b7e7d"])
    #expect(first(.nvfp4Tiles) == ["cf1e783f958456dd", "7e7e7e7e"])
  }

  @Test("5.4 ggml's own quantizers")
  func ggml() throws {
    let mx = try [GoldenMatrices.g1, GoldenMatrices.g2].map { try GGUFBlocks(ggml: $0, kind: .mxfp4) }
    #expect(mx[0].bytes.count == 3264)
    #expect(mx.map { hex(fnv1a($0.bytes)) } == ["49d6e3296a51e36f", "37f32a2bc88b2cb9"])
    #expect(hex(mx[0].bytes.prefix(17)) == "7d6f7c2f6220776fe3e66a759057b65e2e")
    let nv = try [GoldenMatrices.g1, GoldenMatrices.g2].map { try GGUFBlocks(ggml: $0, kind: .nvfp4) }
    #expect(nv[0].bytes.count == 3456)
    #expect(nv.map { hex(fnv1a($0.bytes)) } == ["34f6ad688ad823ba", "72c2527484d4d519"])
    #expect(hex(nv[0].bytes.prefix(4)) == "2a292b2a")
  }
}

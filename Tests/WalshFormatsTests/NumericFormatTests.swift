import Foundation
import Testing

@testable import WalshFormats

/// Formats of every kind, for tests that hold for all of them.
enum Formats {
  static let presets: [NumericFormat] =
    E8M0Rule.allCases.map { .mxfp4($0) }
    + E4M3Scheme.allCases.map { .nvfp4($0) }
    + [E4M3Scheme.transformerEngine, .fourOverSixMSE, .fourOverSixMAE, .compressedTensors].map {
      .nvfp4($0, tiles: true)
    }
    + [.mxfp8, .mx(.e4m3, .floor), .mx(.e5m2, .rceil), .mx(.e2m3, .even), .mx(.e3m2, .rceil)]
    + (2...8).flatMap { [.int($0, group: 32), .intPerRow($0)] as [NumericFormat] }
    + [
      .int(4, group: 128), .int(4, group: 16, symmetric: false), .intPerRow(4, symmetric: false),
      .intPerRow(3, symmetric: false), .fp8e4m3, .fp8e5m2, .fp8(.e4m3, per: .row), .fp8(.e4m3, per: .group(24)),
      .fp8(.e2m1, per: .group(7)), NumericFormat(element: .int(bits: 8), granularity: .tensor, scale: .float32),
      NumericFormat(element: .int(bits: 4), granularity: .group(128), scale: .float32),
      NumericFormat(element: .e2m1, granularity: .group(8), scale: .e8m0(.floor)),
    ]
}

@Suite("Numeric formats: names and sizes")
struct NumericFormatTests {
  @Test("well-known names")
  func names() {
    let expected: [(NumericFormat, String)] = [
      (.mxfp4, "MXFP4"), (.mxfp4(.rceil), "MXFP4-RCEIL"), (.mxfp8, "MXFP8"), (.nvfp4, "NVFP4"),
      (.nvfp4(.compressedTensors), "NVFP4-CT"), (.nvfp4Tiles, "NVFP4/tile16"), (.nvfp4FourOverSix, "NVFP4-46MSE"),
      (.nvfp4OneLevel, "NVFP4-ONELEVEL"), (.int(4, group: 128), "INT4/128"), (.intPerRow(4), "INT4/row"),
      (.intPerRow(4, symmetric: false), "INT4/row/asymmetric"), (.fp8e4m3, "FP8"), (.fp8e5m2, "FP8E5M2"),
      (.fp8(.e4m3, per: .row), "FP8/row"), (.mx(.e2m3, .rceil), "MXFP6E2M3"),
    ]
    for (format, name) in expected { #expect(format.name == name) }
  }

  @Test("names and JSON read back, in any case", arguments: Formats.presets)
  func roundTrip(format: NumericFormat) throws {
    #expect(NumericFormat(name: format.name) == format)
    #expect(NumericFormat(name: format.name.lowercased()) == format)
    let json = try JSONEncoder().encode([format])
    #expect(try JSONDecoder().decode([NumericFormat].self, from: json) == [format])
  }

  @Test(
    "names that mean nothing are refused",
    arguments: [
      "", "MX", "MXINT8", "NVFP4-FLOOR", "NVFP4/32", "INT1", "INT9", "INT4/0", "INT4/-1", "INT4/128/x", "FP8/tile16",
      "FP8/row/asymmetric", "MXFP4/row", "INT4//", "/", "-", "MXFP4-", "INT4/row/float32/asymmetric/x",
    ])
  func refused(name: String) {
    #expect(NumericFormat(name: name) == nil)
  }

  @Test("distinct presets have distinct names")
  func distinct() {
    #expect(Set(Formats.presets.map(\.name)).count == Set(Formats.presets).count)
  }

  @Test("4. bits per element")
  func bits() {
    #expect(NumericFormat.mxfp4.bitsPerElement(columns: 4096) == 4.25)
    #expect(NumericFormat.nvfp4.bitsPerElement(columns: 4096) == 4.5)
    #expect(NumericFormat.mxfp8.bitsPerElement(columns: 4096) == 8.25)
    #expect(NumericFormat.int(4, group: 128).bitsPerElement(columns: 4096) == 4.125)
    #expect(NumericFormat.intPerRow(4).bitsPerElement(columns: 32) == 5)
    #expect(NumericFormat.intPerRow(4, symmetric: false).bitsPerElement(columns: 40) == 5)
    #expect(NumericFormat.fp8e4m3.bitsPerElement(columns: 100) == 8)
  }

  @Test("4. bits per element is what a packed matrix stores", arguments: Formats.presets)
  func stored(format: NumericFormat) {
    let packed = Quantizer(format: format).pack(.zeros([48, 40]))
    let perTensor = (packed.globalScale == nil ? 0 : 4) + (format.granularity == .tensor ? format.scale.byteCount : 0)
    #expect(Double(8 * (packed.byteCount - perTensor)) / (48 * 40) == format.bitsPerElement(columns: 40))
  }
}

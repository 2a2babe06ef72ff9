import Foundation
import Testing

@testable import WalshCheckpoints

@Suite("Word scanner") struct WordScannerTests {
  private func segments(_ pattern: any SplitPattern, _ text: String) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var text = text
    text.withUTF8 { bytes in pattern.forEachSegment(of: bytes) { range, _ in result.append(range) } }
    return result
  }

  @Test(
    "Scanning by hand finds what the regular expression finds in random Unicode text",
    arguments: [WordScanner.gpt2Expression, WordScanner.gpt4Expression, WordScanner.qwenExpression])
  func agreesWithExpression(expression: String) throws {
    let scanner = try #require(WordScanner(recognizing: expression))
    let general = try RegularExpressionPattern(TokenizerField(value: .string(expression), path: "pattern"))
    var state: UInt64 = 42
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let favourites = Array(
      "  \t\n\r\n'''sStTrReEvVlLmMdDſ019½²٣.,!-_(\u{A0}\u{3000}\u{2028}\u{85}é\u{301}你😀ǅ".unicodeScalars)
    for length in 1...1500 {
      var scalars = String.UnicodeScalarView()
      for _ in 0..<(length % 60 + 1) {
        let scalar = random(5) > 0 ? favourites[random(favourites.count)] : Unicode.Scalar(UInt32(random(0x20000)))
        // The two sides know different versions of Unicode; version 14 both know.
        if let scalar, let age = scalar.properties.age, age.major <= 14 { scalars.append(scalar) }
      }
      let text = String(scalars)
      #expect(segments(scanner, text) == segments(general, text), "\(text.debugDescription)")
    }
  }

  @Test("A pattern not known is not scanned by hand") func unknown() {
    #expect(WordScanner(recognizing: #"\p{L}+"#) == nil)
  }
}

import Foundation
import TestSupport
import Testing
import WalshCheckpoints

private let goldenFile = "tokenizers/golden.json"

private func json(_ url: URL) throws -> JSON { try JSON(parsing: Array(try Data(contentsOf: url))) }

private func load(_ path: String) throws -> Tokenizer {
  try Tokenizer(tokenizerJSON: json(#require(TestFiles.shared(path))))
}

@Suite("Published tokenizers", .enabled(if: TestFiles.shared(goldenFile) != nil))
struct SharedTokenizerTests {
  static let paths: [String] = {
    guard let url = TestFiles.shared(goldenFile), let golden = try? json(url) else { return [] }
    return golden["tokenizers"]?.objectValue?.keys ?? []
  }()

  @Test("There are nine tokenizers to compare with") func nine() { #expect(Self.paths.count == 9) }

  @Test("Ids and decoded text equal those of the tokenizers library", arguments: paths)
  func cases(path: String) throws {
    let golden = try json(#require(TestFiles.shared(goldenFile)))
    let texts = try #require(golden["texts"]?.arrayValue).compactMap(\.stringValue)
    let entry = try #require(golden["tokenizers"]?[path])
    let cases = try #require(entry["cases"]?.arrayValue)
    #expect(cases.count == texts.count && texts.count == 28)
    let tokenizer = try load(path)
    #expect(tokenizer.vocabularySize == entry["vocab_size"]?.intValue)
    for (text, expected) in zip(texts, cases) {
      let ids = try #require(expected["ids"]?.arrayValue).compactMap(\.intValue)
      let special = expected["ids_special"]?.arrayValue?.compactMap(\.intValue) ?? ids
      let decoded = try #require(expected["decoded"]?.stringValue)
      #expect(tokenizer.encode(text, addingSpecialTokens: false) == ids, "\(text)")
      #expect(tokenizer.encode(text) == special, "\(text)")
      #expect(JSON.string(tokenizer.decode(ids)) == JSON.string(decoded), "\(text)")
      var stream = tokenizer.streamingDecoder()
      let streamed = ids.map { stream.append($0) } + [stream.finish()]
      #expect(JSON.string(streamed.joined()) == JSON.string(decoded), "\(text)")
      if !decoded.unicodeScalars.contains("\u{FFFD}") {
        #expect(streamed.allSatisfy { !$0.unicodeScalars.contains("\u{FFFD}") })
      }
    }
  }

  @Test("Loading and encoding are quick", arguments: paths)
  func speed(path: String) throws {
    let golden = try json(#require(TestFiles.shared(goldenFile)))
    let texts = try #require(golden["texts"]?.arrayValue).compactMap(\.stringValue)
    let clock = ContinuousClock()
    var loaded: Tokenizer?
    let loading = try clock.measure { loaded = try load(path) }
    let tokenizer = try #require(loaded)
    var text = String(repeating: texts.joined(separator: "\n"), count: 1_000_000 / 1_500)
    if let url = TestFiles.shared("wikitext-2/valid.txt") { text = try String(contentsOf: url, encoding: .utf8) }
    var ids: [Int] = []
    let encoding = clock.measure { ids = tokenizer.encode(text) }
    print("\(path): loaded in \(loading), \(text.utf8.count) bytes to \(ids.count) ids in \(encoding)")
    #expect(ids.count > 1000)
    // Generous for debug builds; the point is that no tokenizer is quadratic in the text.
    #expect(encoding < .seconds(60))
  }
}

import Foundation
import TestSupport
import Testing
import WalshCheckpoints

/// Small tokenizers of every component; the expected ids are those of the Python library `tokenizers`
/// (Tests/Oracles/tokenizers_golden.py).
@Suite("Self-made tokenizers") struct GoldenTokenizerTests {
  static let golden: JSON = {
    guard let data = try? Data(contentsOf: TestFiles.golden("tokenizers/golden.json")),
      let json = try? JSON(parsing: Array(data))
    else { return .null }
    return json
  }()

  static let names = golden["tokenizers"]?.objectValue?.keys ?? []

  static func tokenizer(_ entry: JSON) throws -> Tokenizer { try Tokenizer(tokenizerJSON: file(entry)) }

  /// The tokenizer.json of an entry; the golden file keeps models apart.
  static func file(_ entry: JSON) throws -> JSON {
    let models = try #require(golden["models"]?.arrayValue)
    var file = try #require(entry["tokenizer"]?.objectValue)
    file["model"] = models[try #require(file["model"]?.intValue)]
    return .object(file)
  }

  @Test("There are tokenizers to compare with") func present() { #expect(Self.names.count >= 35) }

  @Test("Ids and decoded text equal those of the tokenizers library", arguments: names)
  func cases(name: String) throws {
    let texts = try #require(Self.golden["texts"]?.arrayValue).compactMap(\.stringValue)
    let entry = try #require(Self.golden["tokenizers"]?[name])
    let tokenizer = try Self.tokenizer(entry)
    #expect(tokenizer.vocabularySize == entry["size"]?.intValue)
    let cases = try #require(entry["cases"]?.arrayValue)
    #expect(cases.count == texts.count)
    for (text, expected) in zip(texts, cases) {
      let ids = try #require(expected["ids"]?.arrayValue).compactMap(\.intValue)
      let special = expected["ids_special"]?.arrayValue?.compactMap(\.intValue) ?? ids
      let decoded = expected["decoded"]?.stringValue ?? text
      #expect(tokenizer.encode(text, addingSpecialTokens: false) == ids, "\(text.debugDescription)")
      #expect(tokenizer.encode(text) == special, "\(text.debugDescription)")
      #expect(JSON.string(tokenizer.decode(ids)) == JSON.string(decoded), "\(text.debugDescription)")
    }
  }

  @Test("Arbitrary ids decode to what the tokenizers library makes of them", arguments: names)
  func noise(name: String) throws {
    let entry = try #require(Self.golden["tokenizers"]?[name])
    let tokenizer = try Self.tokenizer(entry)
    let cases = try #require(entry["noise"]?.arrayValue)
    #expect(cases.count == 8)
    for expected in cases {
      let ids = try #require(expected["ids"]?.arrayValue).compactMap(\.intValue)
      #expect(JSON.string(tokenizer.decode(ids)) == expected["decoded"], "\(ids)")
      #expect(JSON.string(tokenizer.decode(ids, skippingSpecialTokens: true)) == expected["skipped"], "\(ids)")
    }
  }

  @Test("Streaming gives the same text as decoding at once", arguments: names)
  func streaming(name: String) throws {
    let entry = try #require(Self.golden["tokenizers"]?[name])
    let tokenizer = try Self.tokenizer(entry)
    for text in try #require(Self.golden["texts"]?.arrayValue).compactMap(\.stringValue) {
      let ids = tokenizer.encode(text)
      var stream = tokenizer.streamingDecoder()
      let parts = ids.map { stream.append($0) } + [stream.finish()]
      #expect(JSON.string(parts.joined()) == JSON.string(tokenizer.decode(ids)), "\(text.debugDescription)")
      #expect(stream.finish() == "")
    }
  }
}

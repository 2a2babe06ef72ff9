import Foundation
import TestSupport
import Testing
import WalshCheckpoints

/// One change to a good file: the member at `path` becomes `value`.
private struct Damage: CustomTestStringConvertible, Sendable {
  let path: [String]
  let value: JSON?
  /// The field the error must name.
  let field: String

  init(_ path: String, _ value: JSON?, naming field: String? = nil) {
    self.path = path.split(separator: "/").map(String.init)
    self.value = value
    self.field = field ?? self.path.joined(separator: ".")
  }

  var testDescription: String { "\(path.joined(separator: ".")) = \(value.map { "\($0)" } ?? "nothing")" }

  func applied(to file: JSON) -> JSON { Self.set(path[...], in: file, to: value) }

  private static func set(_ path: ArraySlice<String>, in json: JSON, to value: JSON?) -> JSON {
    guard let name = path.first, case .object(var object) = json else { return value ?? .null }
    object[name] = path.count == 1 ? value : set(path.dropFirst(), in: object[name] ?? [:], to: value)
    return .object(object)
  }
}

private let good: JSON = [
  "version": "1.0",
  "added_tokens": [["id": 6, "content": "<s>", "special": true, "normalized": false]],
  "normalizer": ["type": "NFC"],
  "pre_tokenizer": ["type": "Whitespace"],
  "post_processor": nil,
  "decoder": ["type": "Fuse"],
  "model": [
    "type": "BPE", "unk_token": "<unk>", "vocab": ["<unk>": 0, "a": 1, "b": 2, "ab": 3, "aba": 5],
    "merges": [["a", "b"], "ab a"],
  ],
]

private let unigram: JSON = ["type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1.5]]]
private let wordPiece: JSON = ["type": "WordPiece", "unk_token": "[UNK]", "vocab": ["[UNK]": 0, "a": 1]]

private func replacing(_ model: JSON, _ name: String, _ value: JSON?) -> JSON {
  guard case .object(var object) = model else { return model }
  object[name] = value
  return .object(object)
}

private func split(_ pattern: JSON, _ behaviour: JSON = "Isolated") -> JSON {
  ["type": "Split", "pattern": pattern, "behavior": behaviour, "invert": false]
}

@Suite("Hostile tokenizer files") struct HostileTokenizerTests {
  @Test("The undamaged file loads, with a gap between its ids")
  func undamaged() throws {
    let tokenizer = try Tokenizer(tokenizerJSON: good)
    #expect(tokenizer.encode("ab aba<s>c") == [3, 5, 6, 0])
    #expect(tokenizer.vocabularySize == 6)
    #expect(tokenizer.idLimit == 7)
    #expect(tokenizer.token(of: 4) == nil)
    #expect(tokenizer.token(of: -1) == nil)
    #expect(tokenizer.token(of: .max) == nil)
    #expect(tokenizer.decode([3, 4, -7, .max, .min, 1]) == "aba")
    #expect(tokenizer.decode([6, 3], skippingSpecialTokens: true) == "ab")
    #expect(tokenizer.id(of: "<s>") == 6 && tokenizer.id(of: "aba") == 5 && tokenizer.id(of: "zz") == nil)
  }

  @Test(
    "A damaged file is refused with the field, the cause and the fix",
    arguments: [
      Damage("model", nil), Damage("model", 7), Damage("model/type", "GPT"), Damage("model/vocab", nil),
      Damage("model/vocab", [:]), Damage("model/vocab", ["a", "b"]),
      Damage("model/vocab/b", 1, naming: "model.vocab"),
      Damage("model/vocab/b", -2, naming: "model.vocab"),
      Damage("model/vocab/b", 99_999_999_999, naming: "model.vocab"),
      Damage("model/vocab/b", 2.5, naming: "model.vocab"), Damage("model/vocab/b", "2", naming: "model.vocab"),
      Damage("model/unk_token", "<no>"), Damage("model/unk_token", 0), Damage("model/dropout", 0.1),
      Damage("model/merges", nil), Damage("model/merges", ["a": "b"]),
      Damage("model/merges", [["a", "zz"]], naming: "model.merges[0]"),
      Damage("model/merges", [["a", "b"], ["b", "a"]], naming: "model.merges[1]"),
      Damage("model/merges", ["a b c"], naming: "model.merges[0]"),
      Damage("model/merges", ["ab"], naming: "model.merges[0]"),
      Damage("model/merges", [["a"]], naming: "model.merges[0]"),
      Damage("model/merges", [[1, 2]], naming: "model.merges[0]"),
      Damage("model/merges", [7], naming: "model.merges[0]"),
      Damage("model/ignore_merges", "yes"), Damage("model/byte_fallback", 1),
      Damage("model", replacing(unigram, "unk_id", nil), naming: "model.unk_id"),
      Damage("model", replacing(unigram, "unk_id", 2), naming: "model.unk_id"),
      Damage("model", replacing(unigram, "unk_id", -1), naming: "model.unk_id"),
      Damage("model", replacing(unigram, "vocab", []), naming: "model.vocab"),
      Damage("model", replacing(unigram, "vocab", [["a", 0], ["a", 1]]), naming: "model.vocab[1]"),
      Damage("model", replacing(unigram, "vocab", [["a", "0"]]), naming: "model.vocab[0]"),
      Damage("model", replacing(wordPiece, "unk_token", nil), naming: "model.unk_token"),
      Damage("model", replacing(wordPiece, "unk_token", "x"), naming: "model.unk_token"),
      Damage("model", replacing(wordPiece, "max_input_chars_per_word", -1), naming: "model.max_input_chars_per_word"),
      Damage("normalizer", ["type": "Rot13"], naming: "normalizer.type"), Damage("normalizer", "NFC"),
      Damage(
        "normalizer", ["type": "Sequence", "normalizers": [["type": "?"]]], naming: "normalizer.normalizers[0].type"),
      Damage(
        "normalizer", ["type": "Precompiled", "precompiled_charsmap": "?"], naming: "normalizer.precompiled_charsmap"),
      Damage(
        "normalizer", ["type": "Precompiled", "precompiled_charsmap": "/////w=="],
        naming: "normalizer.precompiled_charsmap"),
      Damage(
        "normalizer", ["type": "Replace", "pattern": ["String": ""], "content": "x"],
        naming: "normalizer.pattern.String"),
      Damage("pre_tokenizer", [:], naming: "pre_tokenizer.type"),
      Damage("pre_tokenizer", split(["Regex": "(a"]), naming: "pre_tokenizer.pattern.Regex"),
      Damage("pre_tokenizer", split(["Regex": ""]), naming: "pre_tokenizer.pattern.Regex"),
      Damage("pre_tokenizer", split(["Glob": "*"]), naming: "pre_tokenizer.pattern"),
      Damage("pre_tokenizer", split(["String": "a"], "Sideways"), naming: "pre_tokenizer.behavior"),
      Damage("pre_tokenizer", ["type": "Metaspace", "replacement": "__"], naming: "pre_tokenizer.replacement"),
      Damage(
        "pre_tokenizer", ["type": "Metaspace", "prepend_scheme": "last"], naming: "pre_tokenizer.prepend_scheme"),
      Damage("post_processor", ["type": "BertProcessing", "cls": ["a", 1]], naming: "post_processor.sep"),
      Damage(
        "post_processor", ["type": "BertProcessing", "cls": ["a", 1], "sep": ["b", 77]], naming: "post_processor"),
      Damage(
        "post_processor", ["type": "TemplateProcessing", "single": [["SpecialToken": ["id": "x"]]]],
        naming: "post_processor.single[0].SpecialToken.id"),
      Damage("post_processor", ["type": "TemplateProcessing", "single": []], naming: "post_processor.single"),
      Damage("decoder", ["type": "CTC"], naming: "decoder.type"),
      Damage("decoder", ["type": "Strip", "content": "", "start": 1, "stop": 0], naming: "decoder.content"),
      Damage("decoder", ["type": "Strip", "content": " ", "start": -1, "stop": 0], naming: "decoder.start"),
      Damage("added_tokens", ["<s>"], naming: "added_tokens[0].content"),
      Damage("added_tokens", [["id": 9, "content": ""]], naming: "added_tokens[0].content"),
      Damage("added_tokens", [["id": -9, "content": "x"]], naming: "added_tokens[0].id"),
      Damage("added_tokens", [["id": 1e30, "content": "x"]], naming: "added_tokens[0].id"),
      Damage("added_tokens", [["id": 1, "content": "x"]], naming: "added_tokens[0]"),
      Damage("added_tokens", [["id": 9, "content": "a"]], naming: "added_tokens[0]"),
      Damage("added_tokens", [["id": 9, "content": "x"], ["id": 9, "content": "y"]], naming: "added_tokens[1]"),
    ])
  fileprivate func damaged(damage: Damage) throws {
    let error = try #require(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: damage.applied(to: good)) }
    #expect(error.field == damage.field)
    #expect(!error.cause.isEmpty && !error.fix.isEmpty)
    #expect(error.description.hasSuffix("."))
  }

  @Test("A text that is no object is refused") func noObject() {
    #expect(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: [1, 2]) }
    #expect(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: nil) }
  }

  @Test("A charsmap whose trie points outside itself changes nothing") func wildTrie() throws {
    // One unit, whose offset leads far away.
    let damage = Damage("normalizer", ["type": "Precompiled", "precompiled_charsmap": "BAAAAAD8//8="])
    let tokenizer = try Tokenizer(tokenizerJSON: damage.applied(to: good))
    #expect(tokenizer.encode("ab") == [3])
  }

  @Test("Files with random bytes changed load or are refused, and never crash") func mutations() throws {
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var outcomes = (loaded: 0, refused: 0)
    for name in GoldenTokenizerTests.names {
      let entry = try #require(GoldenTokenizerTests.golden["tokenizers"]?[name])
      let bytes = try GoldenTokenizerTests.file(entry).serialized()
      for _ in 0..<25 {
        var damaged = bytes
        for _ in 0..<random(3) + 1 { damaged[random(damaged.count)] = UInt8(0x20 + random(0x5F)) }
        guard let json = try? JSON(parsing: damaged), let tokenizer = try? Tokenizer(tokenizerJSON: json) else {
          outcomes.refused += 1
          continue
        }
        outcomes.loaded += 1
        let ids = tokenizer.encode("The  the café 12,\n<s>你好")
        #expect(ids.allSatisfy { tokenizer.token(of: $0) != nil })
        _ = tokenizer.decode(ids)
      }
    }
    #expect(outcomes.loaded > 20 && outcomes.refused > 20)
  }

  @Test("A folder gives its tokenizer, or says what is missing") func folder() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let missing = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder) }
    #expect(missing?.description.contains(folder.path) == true)
    try Data(good.serialized()).write(to: folder.appending(path: "tokenizer.json"))
    #expect(try Tokenizer(folder: folder).endOfTextID == nil)
    let configuration: JSON = ["eos_token": "<s>"]
    try Data(configuration.serialized()).write(to: folder.appending(path: "tokenizer_config.json"))
    #expect(try Tokenizer(folder: folder).endOfTextID == 6)
  }

  @Test("Truncation and padding are ignored with a note") func notes() throws {
    let damage = Damage("truncation", ["max_length": 512])
    let tokenizer = try Tokenizer(tokenizerJSON: damage.applied(to: good))
    #expect(tokenizer.notes.count == 1)
    #expect(tokenizer.notes[0].contains("truncation"))
    #expect(try Tokenizer(tokenizerJSON: good).notes.isEmpty)
  }

  @Test("The tokens that begin and end texts come from tokenizer_config.json") func configuration() throws {
    let tokenizer = try Tokenizer(
      tokenizerJSON: good, configuration: ["bos_token": ["content": "<s>"], "eos_token": "aba"])
    #expect(tokenizer.beginningOfTextID == 6)
    #expect(tokenizer.endOfTextID == 5)
    let other = try Tokenizer(tokenizerJSON: good, configuration: ["bos_token": nil, "eos_token": "zz"])
    #expect(other.beginningOfTextID == nil && other.endOfTextID == nil)
  }

  @Test("A streaming decoder waits for the rest of a character and gives up in the end") func streaming() throws {
    var vocabulary: JSONObject = ["<unk>": 0]
    for byte in 0..<256 {
      let digits = String(byte, radix: 16, uppercase: true)
      vocabulary["<0x\(byte < 16 ? "0" : "")\(digits)>"] = .number(JSONNumber(byte + 1))
    }
    let file: JSON = [
      "model": [
        "type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "vocab": .object(vocabulary), "merges": [],
      ],
      "decoder": ["type": "Sequence", "decoders": [["type": "ByteFallback"], ["type": "Fuse"]]],
    ]
    let tokenizer = try Tokenizer(tokenizerJSON: file)
    let ids = tokenizer.encode("é😀a")
    #expect(ids.count == 7)
    var stream = tokenizer.streamingDecoder()
    #expect(ids.map { stream.append($0) } == ["", "é", "", "", "", "😀", "a"])
    #expect(stream.append(0xF1) == "")
    #expect(stream.finish() == "\u{FFFD}")
    let waiting = (0..<64).map { _ in stream.append(0xFF + 1) }.joined()
    #expect(waiting.unicodeScalars.count == 64)
  }
}

import Foundation
import TestSupport
import Testing
import WalshCheckpoints

@Suite("JSON") struct JSONTests {
  private func parse(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

  @Test("Every kind of value is read") func kinds() throws {
    let value = try parse(
      #" {"a": [1, -2.5e3, true, false, null], "b": {"c": "x\n\u00e9\ud83d\ude00\"\\\/"}, "": []} "#)
    let expected: JSON = ["a": [1, -2500, true, false, nil], "b": ["c": "x\né😀\"\\/"], "": []]
    #expect(value["a"]?.arrayValue?[1].doubleValue == -2500)
    #expect(value["a"]?.arrayValue?[1].intValue == -2500)
    #expect(value["b"] == expected["b"])
    #expect(value.objectValue?.keys == ["a", "b", ""])
  }

  @Test("Canonically equivalent keys stay two members, in their order") func canonicalKeys() throws {
    let value = try parse("{\"e\u{301}\": 1, \"\u{e9}\": 2, \"K\": 3, \"\u{212A}\": 4}")
    #expect(value.objectValue?.count == 4)
    #expect(value["e\u{301}"]?.intValue == 1)
    #expect(value["\u{e9}"]?.intValue == 2)
    #expect(value["\u{212A}"]?.intValue == 4)
    #expect(JSON.string("\u{e9}") != JSON.string("e\u{301}"))
  }

  @Test("Numbers keep their literal text") func numberLiterals() throws {
    let text = "[0.10,1E+2,123456789012345678901234567890,-0]"
    let value = try parse(text)
    #expect(String(decoding: value.serialized(), as: UTF8.self) == text)
    #expect(value.arrayValue?[2].intValue == nil)
    #expect(value.arrayValue?[2].doubleValue == 123456789012345678901234567890.0)
  }

  @Test("Writing and reading gives the same value back", arguments: [true, false])
  func roundTrip(pretty: Bool) throws {
    let value: JSON = ["k\u{1}\t\"": ["😀", 1.5, [:], [], ["deep": [nil, true]]], "z": -3]
    #expect(try JSON(parsing: value.serialized(pretty: pretty)) == value)
  }

  @Test("Members are set, replaced and removed without losing the order") func editing() {
    var object: JSONObject = ["a": 1, "b": 2, "c": 3]
    object["b"] = "two"
    object["d"] = 4
    #expect(object.remove("a")?.intValue == 1)
    #expect(object.remove("a") == nil)
    object["c"] = nil
    #expect(object == ["b": "two", "d": 4])
    #expect(object["d"]?.intValue == 4)
  }

  @Test(
    "Invalid texts are refused at the offending byte",
    arguments: [
      ("", 0), ("{", 1), ("[1,]", 3), ("[1 2]", 3), ("{\"a\":1,}", 7), ("{\"a\" 1}", 5), ("{a:1}", 1),
      ("{\"a\":1,\"a\":2}", 7), ("NaN", 0), ("[Infinity]", 1), ("-", 1), ("01", 0), ("1.", 2), ("1e", 2),
      ("[1e999]", 1), ("\"abc", 4), ("\"a\u{1}\"", 2), ("\"\\x\"", 1), ("\"\\ud800\"", 1), ("\"\\udc00\"", 1),
      ("\"\\ud800\\u0041\"", 1), ("\"\\u12\"", 1), ("\"\\u12g4\"", 1), ("true false", 5), ("tru", 0), ("nulll", 4),
      ("\"\\", 2), ("[\"a\" : 1]", 5), ("'a'", 0), ("// c\n1", 0), ("\u{FEFF}1", 0),
    ])
  func invalid(text: String, offset: Int) {
    #expect {
      try parse(text)
    } throws: { error in
      (error as? JSONError)?.offset == offset
    }
  }

  @Test(
    "Invalid UTF-8 is refused", arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]] as [[UInt8]])
  func invalidUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSON(parsing: [0x22] + bytes + [0x22]) }
    #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0x5C, 0x6E] + bytes + [0x22]) }
  }

  @Test("Nesting is read to the depth allowed and refused beyond") func depth() throws {
    let nested = { (depth: Int) in
      Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    _ = try JSON(parsing: nested(128))
    #expect(throws: JSONError.self) { try JSON(parsing: nested(129)) }
    #expect(throws: JSONError.self) { try JSON(parsing: nested(100_000)) }
    #expect(throws: JSONError.self) { try JSON(parsing: nested(3), maximumDepth: 2) }
  }

  @Test(
    "A large tokenizer.json is read whole", .enabled(if: TestFiles.shared("tokenizers/cl100k/tokenizer.json") != nil))
  func largeFile() throws {
    let bytes = Array(try Data(contentsOf: #require(TestFiles.shared("tokenizers/cl100k/tokenizer.json"))))
    let start = ContinuousClock.now
    let value = try JSON(parsing: bytes)
    print("JSON: \(bytes.count) bytes in \(ContinuousClock.now - start)")
    #expect(value["model"]?["vocab"]?.objectValue?.count == 100_256)
    #expect(try JSON(parsing: value.serialized()) == value)
  }
}

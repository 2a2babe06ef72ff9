import Foundation
import TestSupport
import Testing

/// Promise 5 at the level of processes: bad input gets a sentence, status 1, and nothing is written.
@Suite(
  "Hostile input",
  .enabled(if: Executable.walsh != nil, "The executable walsh was not built; run swift build first."))
struct HostileInputTests {
  /// A change that makes a good model folder bad, and what the sentence must name.
  struct Damage: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// What the sentence names: a file or a tensor.
    let named: String
    let change: @Sendable (URL) throws -> Void
  }

  // MARK: Cases

  private static func config(_ find: String, _ replacement: String) -> Damage {
    Damage(testDescription: "config.json: \(find) → \(replacement)", named: "config.json") { folder in
      let url = folder.appending(path: "config.json")
      let text = try String(contentsOf: url, encoding: .utf8)
      let changed = text.replacingOccurrences(of: find, with: replacement, options: .regularExpression)
      try #require(changed != text, "\(find) does not occur in config.json")
      try Data(changed.utf8).write(to: url)
    }
  }

  /// Rewrites the header of the safetensors file, with its length.
  private static func header(
    _ name: String, named: String = "model.safetensors", _ change: @escaping @Sendable (String) -> String
  ) -> Damage {
    Damage(testDescription: "header: \(name)", named: named) { folder in
      let url = folder.appending(path: "model.safetensors")
      let bytes = try Data(contentsOf: url)
      let length = Int(bytes.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << (8 * $1.offset) })
      let text = String(decoding: bytes[8..<8 + length], as: UTF8.self)
      let changed = change(text)
      try #require(changed != text, "the header did not change")
      var count = UInt64(changed.utf8.count).littleEndian
      try (Data(bytes: &count, count: 8) + Data(changed.utf8) + bytes[(8 + length)...]).write(to: url)
    }
  }

  private static func bytes(
    _ name: String, named: String = "model.safetensors", _ change: @escaping @Sendable (inout Data) -> Void
  ) -> Damage {
    Damage(testDescription: "bytes: \(name)", named: named) { folder in
      let url = folder.appending(path: "model.safetensors")
      var data = try Data(contentsOf: url)
      change(&data)
      try data.write(to: url)
    }
  }

  private static func replacingFirst(_ pattern: String, _ replacement: String) -> @Sendable (String) -> String {
    { text in
      guard let range = text.range(of: pattern, options: .regularExpression) else { return text }
      return text.replacingCharacters(in: range, with: replacement)
    }
  }

  private static let lengths: [(String, UInt64)] = [
    ("zero", 0), ("one", 1), ("beyond the file", 1 << 24), ("huge", 1 << 40), ("negative as signed", 1 << 63),
    ("all ones", .max), ("overflowing with its 8 bytes", .max - 7),
  ]

  static let damages: [Damage] =
    lengths.map { name, length in
      bytes("header length \(name)") { data in
        withUnsafeBytes(of: length.littleEndian) { data.replaceSubrange(0..<8, with: $0) }
      }
    }
    + [0, 1, 7, 8, 9, 100, 1000, 5000].map { count in
      bytes("cut after \(count)") { $0 = Data($0.prefix(count)) }
    }
    + [
      bytes("the last byte is missing") { $0.removeLast() },
      bytes("one byte too many") { $0.append(0) },
      bytes("a weight is NaN", named: "tensor") { data in
        data.replaceSubrange(data.count - 4..<data.count, with: [0, 0, 0xC0, 0x7F])
      },
      bytes("a weight is infinite", named: "tensor") { data in
        data.replaceSubrange(data.count - 8..<data.count - 4, with: [0, 0, 0x80, 0x7F])
      },
      header("not JSON") { "x" + $0 },
      header("an array") { _ in "[]" },
      header("empty object") { _ in "{}" },
      header("a key twice", replacingFirst(#"\{"#, #"{"a":1,"a":2,"#)),
      header("unknown type", replacingFirst(#""F32""#, #""F33""#)),
      header("another type", replacingFirst(#""F32""#, #""F16""#)),
      header("an integer type", named: "holds I32", replacingFirst(#""F32""#, #""I32""#)),
      header("a type that is no text", replacingFirst(#""F32""#, "7")),
      header("a negative extent", replacingFirst(#""shape":\["#, #""shape":[-"#)),
      header("an extent that overflows", replacingFirst(#""shape":\["#, #""shape":[9223372036854775807,9,"#)),
      header("an extent with a fraction", replacingFirst(#""shape":\["#, #""shape":[1.5,"#)),
      header("one more axis", replacingFirst(#""shape":\["#, #""shape":[2,"#)),
      header("no shape", replacingFirst(#""shape""#, #""shapes""#)),
      header("offsets that overlap", replacingFirst(#""data_offsets":\[[0-9]+"#, #""data_offsets":[1"#)),
      header(
        "offsets beyond the file",
        replacingFirst(#""data_offsets":\[([0-9]+),[0-9]+"#, #""data_offsets":[0,99999999"#)),
      header(
        "an offset that overflows", replacingFirst(#""data_offsets":\["#, #""data_offsets":[18446744073709551615,"#)),
      header("one offset", replacingFirst(#""data_offsets":\[[0-9]+,"#, #""data_offsets":["#)),
      header("a negative offset", replacingFirst(#""data_offsets":\["#, #""data_offsets":[-1"#)),
      header("a tensor under another name", named: "q_proj", replacingFirst("q_proj", "z_proj")),
      config(#""model_type": "llama""#, #""model_type": "gpt17""#),
      config(#""model_type": "llama""#, #""model_type": 3"#),
      config(#""hidden_size": [0-9]+"#, #""hidden_size": 0"#),
      config(#""hidden_size": [0-9]+"#, #""hidden_size": -32"#),
      config(#""hidden_size": [0-9]+"#, #""hidden_size": 1e99"#),
      config(#""hidden_size": [0-9]+"#, #""hidden_size": "32""#),
      config(#""hidden_size": [0-9]+"#, #""hidden_sise": 32"#),
      config(#""num_attention_heads": [0-9]+"#, #""num_attention_heads": 0"#),
      config(#""num_key_value_heads": [0-9]+"#, #""num_key_value_heads": 3"#),
      config(#""num_hidden_layers": [0-9]+"#, #""num_hidden_layers": 0"#),
      config(#""num_hidden_layers": [0-9]+"#, #""num_hidden_layers": 999999999"#),
      config(#""intermediate_size": [0-9]+"#, #""intermediate_size": null"#),
      config(#""vocab_size": [0-9]+"#, #""vocab_size": 9223372036854775808"#),
      config(#""rms_norm_eps": [^,\n]+"#, #""rms_norm_eps": -1"#),
      config(#""rms_norm_eps": [^,\n]+"#, #""rms_norm_eps": NaN"#),
      config(#""hidden_act": "silu""#, #""hidden_act": "swoosh""#),
      config(#"\{"#, "["),
      config(#"\}\s*$"#, ""),
      config(#""hidden_act""#, "\"\\\\ud800\""),
    ]
    + ["config.json", "model.safetensors"].flatMap { file in
      [
        Damage(testDescription: "\(file) is missing", named: file) { folder in
          try FileManager.default.removeItem(at: folder.appending(path: file))
        },
        Damage(testDescription: "\(file) is empty", named: file) { folder in
          try Data().write(to: folder.appending(path: file))
        },
        Damage(testDescription: "\(file) is a folder", named: file) { folder in
          let url = folder.appending(path: file)
          try FileManager.default.removeItem(at: url)
          try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        },
        Damage(testDescription: "\(file) is noise", named: file) { folder in
          try Data((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }).write(
            to: folder.appending(path: file))
        },
      ]
    }

  // MARK: Checks

  @Test("There are at least sixty cases")
  func count() { #expect(Self.damages.count >= 60) }

  @Test("Is refused by one sentence with status 1, and nothing is written", arguments: damages)
  func refused(_ damage: Damage) throws {
    let walsh = try #require(Executable.walsh)
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appending(path: "model")
    try FileManager.default.copyItem(at: TestFiles.golden("models/llama"), to: model)
    try damage.change(model)
    let result = try walsh.run(
      ["quantize", model.path, "--to", "MXFP4A16", "--output", folder.appending(path: "out").path, "--quiet"])
    #expect(result.status == 1, "\(result.errors)")
    let lines = result.errors.split(separator: "\n")
    #expect(lines.count == 1 && lines[0].hasPrefix("Error: "), "\(result.errors)")
    #expect(result.errors.contains(damage.named), "\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model"])
  }
}

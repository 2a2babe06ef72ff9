import Foundation
import TestSupport
import Testing
import WalshCheckpoints

/// Templates rendered by Jinja itself (Tests/Oracles/chat_golden.py).
@Suite("Chat templates against Jinja") struct ChatTemplateTests {
  /// The moment the oracle's `strftime_now` tells, in local time.
  static let now = Calendar(identifier: .gregorian).date(
    from: DateComponents(year: 2025, month: 3, day: 7, hour: 15, minute: 4, second: 9))

  static func golden(_ name: String) throws -> JSON {
    try JSON(parsing: Array(try Data(contentsOf: TestFiles.golden("chat/\(name).json"))))
  }

  @Test("Conversations look as Jinja renders them in the manner of every model family")
  func families() throws {
    let golden = try Self.golden("families")
    let cases = try #require(golden["cases"]?.arrayValue)
    #expect(cases.count == 11 * 17 * 2)
    var templates: [String: ChatTemplate] = [:]
    for (name, source) in try #require(golden["templates"]?.objectValue) {
      templates[name] = try ChatTemplate(source: #require(source.stringValue))
    }
    for expected in cases {
      let name = try #require(expected["conversation"]?.stringValue)
      let conversation = try #require(golden["conversations"]?[name])
      let family = try #require(expected["template"]?.stringValue)
      let template = try #require(templates[family])
      let result = Result { () throws(ChatTemplateError) in
        try template.render(
          messages: conversation["messages"]?.arrayValue ?? [], tools: conversation["tools"],
          addGenerationPrompt: expected["prompt"]?.boolValue ?? false, bosToken: "<s>", eosToken: "</s>",
          extra: conversation["extra"]?.objectValue ?? [:], now: Self.now ?? Date())
      }
      switch (result, expected["output"]) {
      case (.success(let text), let output?): #expect(JSON.string(text) == output, "\(family), \(name)")
      case (.success(let text), nil): Issue.record("\(family) accepts \(name), which Jinja refuses: \(text)")
      case (.failure(let error), nil): #expect(error.line > 0)
      case (.failure(let error), _?): Issue.record("\(family), \(name): \(error)")
      }
    }
  }

  @Test("Every construct gives what Jinja gives") func constructs() throws {
    let golden = try Self.golden("constructs")
    let data = try #require(golden["data"]?.objectValue)
    let cases = try #require(golden["cases"]?.arrayValue)
    #expect(cases.count > 350)
    for expected in cases {
      let source = try #require(expected["source"]?.stringValue)
      do {
        let text = try ChatTemplate(source: source).render(
          messages: [], addGenerationPrompt: false, extra: data, now: Self.now ?? Date())
        #expect(JSON.string(text) == expected["output"], "\(source)")
      } catch {
        Issue.record("\(source): \(error)")
      }
    }
  }

  @Test("What Jinja refuses is refused, with a line and a cause") func failures() throws {
    let golden = try Self.golden("constructs")
    let data = try #require(golden["data"]?.objectValue)
    let failures = try #require(golden["failures"]?.arrayValue)
    #expect(failures.count > 50)
    for failure in failures {
      let source = try #require(failure["source"]?.stringValue)
      let error = #expect(throws: ChatTemplateError.self, "\(source)") {
        try ChatTemplate(source: source).render(messages: [], addGenerationPrompt: false, extra: data)
      }
      #expect(error?.line ?? 0 > 0)
      #expect(error?.cause.isEmpty == false)
    }
  }

  @Test("Errors name the line") func lines() throws {
    let error = #expect(throws: ChatTemplateError.self) {
      try ChatTemplate(source: "a\n\n{% if true %}\n{{ raise_exception('third') }}{% endif %}")
        .render(messages: [], addGenerationPrompt: false)
    }
    #expect(error?.line == 4)
    #expect(error?.description == "The chat template fails at line 4: third.")
    let syntax = #expect(throws: ChatTemplateError.self) { try ChatTemplate(source: "\n{% for x in %}{% endfor %}") }
    #expect(syntax?.line == 2)
  }

  @Test(
    "Templates that run away are ended",
    arguments: [
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% for a in range(9999) %}{{ 'x' * 100000 }}{% endfor %}", "{{ 'x' * 10000000000 }}",
      "{% set n = namespace(s='x') %}{% for a in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
      "{% set n = namespace(l=[1]) %}{% for a in range(99) %}{% set n.l = n.l + n.l %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
      "{{ 'xxxx' | replace('x', 'y' * 9999999) }}", "{{ 2 ** 99999 }}", "{{ 9223372036854775807 + 1 }}",
      "{{ -9223372036854775807 - 2 }}", "{{ 9223372036854775807 * 2 }}", "{{ range(9999999999) }}",
      "{{ (-9223372036854775807 - 1) // -1 }}", "{% set n = namespace(a=1) %}{% set n.a = n %}{{ n.a.a.a | tojson }}",
      String(repeating: "(", count: 5000), "{{ " + String(repeating: "(", count: 5000),
      "{{ " + String(repeating: "not ", count: 5000) + "1 }}", "{{ " + String(repeating: "[", count: 5000),
      String(repeating: "{% if 1 %}", count: 5000), "{{ " + String(repeating: "-", count: 5000) + "1 }}",
      "{{ a" + String(repeating: ".b", count: 5000) + "}}", "{{ 1" + String(repeating: "+1", count: 5000) + "}}",
      "{{ 1" + String(repeating: " and 1", count: 5000) + "}}",
      "{{ 1" + String(repeating: "|abs", count: 5000) + "}}",
      "{{ 1" + String(repeating: " if 1", count: 5000) + "}}",
      "{{ 1" + String(repeating: " is odd", count: 5000) + "}}", "{{ 'x' | indent(999999) }}",
      "{{ {} | tojson(indent=-1) }}",
    ])
  func runaway(source: String) {
    let start = ContinuousClock.now
    let result = Result { try ChatTemplate(source: source).render(messages: [], addGenerationPrompt: false) }
    if source.hasPrefix("((") {
      // Text without tags.
      #expect((try? result.get()) == source)
    } else {
      #expect(throws: ChatTemplateError.self) { try result.get() }
    }
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  @Test("Templates with random characters changed render or are refused, and never crash") func mutations() throws {
    let golden = try Self.golden("families")
    let messages = try #require(golden["conversations"]?["calls"]?["messages"]?.arrayValue)
    var state: UInt64 = 11
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let replacements = Array("{}%#()[]|.,:=+-~'\" \nax0".unicodeScalars)
    var outcomes = (rendered: 0, refused: 0)
    for (_, source) in try #require(golden["templates"]?.objectValue) {
      let scalars = Array(try #require(source.stringValue).unicodeScalars)
      for _ in 0..<60 {
        var damaged = scalars
        damaged[random(damaged.count)] = replacements[random(replacements.count)]
        var text = String.UnicodeScalarView()
        text.append(contentsOf: damaged)
        do throws(ChatTemplateError) {
          _ = try ChatTemplate(source: String(text)).render(messages: messages, addGenerationPrompt: true)
          outcomes.rendered += 1
        } catch {
          #expect(error.line > 0 && !error.cause.isEmpty)
          outcomes.refused += 1
        }
      }
    }
    #expect(outcomes.rendered > 0 && outcomes.refused > 0)
  }

  @Test("A template is found in tokenizer_config.json and chat_template.jinja") func loading() throws {
    let single: JSON = ["chat_template": "one"]
    let several: JSON = [
      "chat_template": [["name": "default", "template": "two"], ["name": "tool_use", "template": "three"]]
    ]
    #expect(try ChatTemplate.load(jinja: nil, configuration: single)?.source == "one")
    #expect(try ChatTemplate.load(jinja: "file", configuration: single)?.source == "file")
    #expect(try ChatTemplate.load(jinja: nil, configuration: several)?.source == "two")
    #expect(try ChatTemplate.load(jinja: nil, configuration: several, name: "tool_use")?.source == "three")
    #expect(try ChatTemplate.load(jinja: nil, configuration: [:]) == nil)
    #expect(try ChatTemplate.load(jinja: nil, configuration: nil) == nil)
    #expect(throws: ChatTemplateError.self) {
      try ChatTemplate.load(jinja: nil, configuration: several, name: "rag")
    }
    #expect(throws: ChatTemplateError.self) { try ChatTemplate.load(jinja: nil, configuration: ["chat_template": 1]) }

    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(try ChatTemplate.load(folder: folder) == nil)
    try Data(single.serialized()).write(to: folder.appending(path: "tokenizer_config.json"))
    #expect(try ChatTemplate.load(folder: folder)?.source == "one")
    try Data("file".utf8).write(to: folder.appending(path: "chat_template.jinja"))
    #expect(try ChatTemplate.load(folder: folder)?.source == "file")
  }
}

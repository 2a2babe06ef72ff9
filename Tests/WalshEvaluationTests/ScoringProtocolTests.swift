import Foundation
import TestSupport
import Testing

@testable import WalshEvaluation

@Suite("Scoring protocols")
struct ScoringProtocolTests {
  /// One token for each letter: a = 1, b = 2, …; a blank line's two characters are 30 each. Texts begin with 0.
  let encoding = TokenEncoding(beginToken: 0) { text in
    text.unicodeScalars.map { $0 == "\n" ? 30 : Int($0.value) - 96 }
  }

  private func text(_ documents: String...) -> EvaluationText { EvaluationText(documents: documents) }

  @Test("documents: each alone behind the begin token, cut at the context, all but the first token scored")
  func documents() throws {
    let cut = try ScoringProtocol.documents(context: 4).windows(of: text("abcdef", "a", ""), encoding: encoding)
    #expect(
      cut.windows == [
        ScoringWindow(tokens: [0, 1, 2, 3], scored: 1..<4), ScoringWindow(tokens: [0, 1], scored: 1..<2),
      ])
    #expect(cut.tokenCount == 4)
  }

  @Test("documents: without a begin token the first token of a document is not scored")
  func noBeginToken() throws {
    let encoding = TokenEncoding(beginToken: nil) { $0.unicodeScalars.map { Int($0.value) - 96 } }
    let cut = try ScoringProtocol.documents(context: 4).windows(of: text("abc", "a"), encoding: encoding)
    #expect(cut.windows == [ScoringWindow(tokens: [1, 2, 3], scored: 1..<3)])
  }

  @Test("gptq: one text, windows without overlap, the rest dropped, context − 1 tokens of each scored")
  func gptq() throws {
    let cut = try ScoringProtocol.gptq(context: 4).windows(of: text("abcd", "ef"), encoding: encoding)
    #expect(
      cut.windows == [
        ScoringWindow(tokens: [0, 1, 2, 3], scored: 1..<4), ScoringWindow(tokens: [4, 30, 30, 5], scored: 1..<4),
      ])
  }

  @Test("gptq: the released code's mean · context / context is the mean over scored tokens")
  func gptqArithmetic() throws {
    let cut = try ScoringProtocol.gptq(context: 4).windows(
      of: text("abcdefghijklmnopq"), encoding: encoding)
    let model = TableModel.random(vocabulary: 31, seed: 3)
    var sum = 0.0
    for window in cut.windows {
      let losses = model.logits(for: window.tokens).rows(0..<3).negativeLogLikelihood(of: Array(window.tokens[1...]))
      sum += losses.reduce(0, +) / 3 * 4
    }
    let published = sum / Double(cut.windows.count * 4)
    #expect(abs(try model.loss(on: cut).loss - published) < 1e-12)
  }

  @Test("llama.cpp: the begin token replaces each window's first, and only the second half is scored")
  func llamaCpp() throws {
    let cut = try ScoringProtocol.llamaCpp(context: 6).windows(of: text("abcdefghijklm"), encoding: encoding)
    #expect(
      cut.windows == [
        ScoringWindow(tokens: [0, 1, 2, 3, 4, 5], scored: 4..<6),
        ScoringWindow(tokens: [0, 7, 8, 9, 10, 11], scored: 4..<6),
      ])
  }

  @Test("llama.cpp: 512 − 256 − 1 tokens of a window of 512 are scored, as n_ctx − first − 1 there")
  func llamaCppCount() throws {
    let cut = try ScoringProtocol.llamaCpp(context: 512).windows(
      of: text(String(repeating: "ab", count: 512)), encoding: encoding)
    #expect(cut.windows.count == 2)
    #expect(cut.tokenCount == 2 * 255)
  }

  @Test("A text shorter than a window, or a window of three tokens, is an error")
  func tooShort() {
    #expect(throws: EvaluationError.self) {
      try ScoringProtocol.gptq(context: 2048).windows(of: text("abc"), encoding: encoding)
    }
    #expect(throws: EvaluationError.self) {
      try ScoringProtocol.documents(context: 16).windows(of: text("", ""), encoding: encoding)
    }
    #expect(throws: EvaluationError.self) {
      try ScoringProtocol.documents(context: 3).windows(of: text("abc"), encoding: encoding)
    }
  }

  @Test("Names read back, with the contexts their owners use")
  func names() {
    #expect(ScoringProtocol(name: "gptq") == .gptq(context: 2048))
    #expect(ScoringProtocol(name: "llama.cpp") == .llamaCpp(context: 512))
    #expect(ScoringProtocol(name: "documents", context: 256) == .documents(context: 256))
    #expect(ScoringProtocol(name: "GPTQ?") == nil)
    for name in ScoringProtocol.names { #expect(ScoringProtocol(name: name)?.name == name) }
  }

  @Test("A JSON file is an array of documents, another file one document; anything else is a sentence")
  func files() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ name: String, _ bytes: [UInt8]) throws -> URL {
      let url = folder.appending(path: name)
      try Data(bytes).write(to: url)
      return url
    }
    let json = try EvaluationText(contentsOf: write("a.json", Array(#"["é", "b"]"#.utf8)))
    #expect(json.documents == ["é", "b"])
    #expect(json.prefix(1).documents == ["é"])
    #expect(try EvaluationText(contentsOf: write("a.txt", Array("[1]\nx".utf8))).documents == ["[1]\nx"])
    for (name, bytes) in [
      ("b.json", Array("[1]".utf8)), ("c.json", Array("{}".utf8)), ("d.json", Array("[".utf8)), ("e.txt", [0xFF]),
    ] {
      let url = try write(name, bytes)
      #expect(throws: EvaluationError.self) { try EvaluationText(contentsOf: url) }
    }
    #expect(throws: EvaluationError.self) { try EvaluationText(contentsOf: folder.appending(path: "absent.txt")) }
  }
}

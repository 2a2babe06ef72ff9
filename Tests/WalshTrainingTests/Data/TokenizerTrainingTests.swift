import Foundation
import TestSupport
import Testing
import WalshCheckpoints

@Suite("Training a tokenizer")
struct TokenizerTrainingTests {
  private func merges(_ documents: [String], _ count: Int, minimum: Int = 1) -> [String] {
    TokenizerTraining(vocabularySize: 258 + count, minimumCount: minimum).files(for: documents)
      .merges.map { "\($0.left) \($0.right)" }
  }

  @Test("The most frequent pair is joined first, and counts follow what was joined")
  func frequency() {
    // lo: 4, ow: 4, Ġl: 3, we: 2, er: 2. Then low: 4.
    #expect(merges(["low low lower lower"], 2) == ["l o", "lo w"])
    #expect(merges(["low low lower lower"], 3) == ["l o", "lo w", "Ġ low"])
  }

  @Test("Of equally frequent pairs the one with the lower ids comes first")
  func ties() {
    #expect(merges(["dc ba"], 1) == ["b a"])
    #expect(merges(["ab ab cd cd"], 2).first == "a b")
    #expect(merges(["xb", "xa"], 1) == ["x a"])
  }

  @Test("A run of one letter is joined from the left, without overlap")
  func runs() {
    #expect(merges(["aaa"], 3) == ["a a", "aa a"])
    #expect(merges(["aaaa"], 3) == ["a a", "aa aa"])
    // aa aa a: both pairs occur once, and a has the lower id.
    #expect(merges(["aaaaa"], 3) == ["a a", "aa a", "aa aaa"])
  }

  @Test("What occurs less often than asked is not joined, and the vocabulary stays smaller")
  func minimum() {
    #expect(merges(["abc"], 10, minimum: 2).isEmpty)
    #expect(TokenizerTraining(vocabularySize: 400).files(for: ["abc abc"]).tokens.count == 260)
  }

  @Test("Every text comes back from its tokens, whatever the tokenizer was trained on")
  func roundTrip() throws {
    let files = TokenizerTraining(vocabularySize: 300).files(for: ["the cat and the hat and the bat"])
    let tokenizer = try Tokenizer(tokenizerJSON: files.tokenizerJSON, configuration: files.configurationJSON)
    #expect(tokenizer.beginningOfTextID == 0 && tokenizer.endOfTextID == 1)
    for text in ["the cat", "", " \n\n\tx  ", "naïve 漢字 🙂", "1,000's", "\u{0}\u{FFFD}"] {
      #expect(tokenizer.encode(text).first == 0)
      #expect(tokenizer.decode(tokenizer.encode(text, addingSpecialTokens: false)) == text)
    }
    #expect(tokenizer.encode(" the", addingSpecialTokens: false).count == 1)
  }

  @Test("The same documents give the same bytes")
  func determinism() {
    let documents = (0..<50).map { "story \($0 % 7) of the \($0 % 11) th kind" }
    let training = TokenizerTraining(vocabularySize: 320)
    #expect(training.files(for: documents).contents == training.files(for: documents).contents)
  }

  @Test(
    "A megabyte of stories fills its vocabulary, whose tokens hold three letters and more",
    .enabled(if: TestFiles.shared("tinystories/stories-1000.json") != nil))
  func stories() throws {
    let url = try #require(TestFiles.shared("tinystories/stories-1000.json"))
    let stories = try #require(try JSON(parsing: [UInt8](Data(contentsOf: url))).arrayValue).compactMap(\.stringValue)
    let files = TokenizerTraining(vocabularySize: 2048).files(for: stories)
    #expect(files.tokens.count == 2048)
    let tokenizer = try Tokenizer(tokenizerJSON: files.tokenizerJSON)
    let text = stories[0]
    #expect(tokenizer.encode(text, addingSpecialTokens: false).count * 3 < text.utf8.count)
  }
}

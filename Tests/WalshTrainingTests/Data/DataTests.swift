import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshTraining

@Suite("Training data")
struct DataTests {
  @Test("Windows predict every token but the first exactly once")
  func packing() throws {
    let windows = try PackedWindows(tokens: Array(0..<14), context: 4)
    #expect(windows.count == 3)
    #expect((0..<3).flatMap { windows[$0].targets } == Array(1...12))
    #expect(windows[1].inputs == [4, 5, 6, 7])
    let (learnt, held) = try windows.split(heldOut: 0.4)
    #expect(learnt.count == 2 && held.count == 1)
    #expect(held[0].targets == [9, 10, 11, 12])
  }

  @Test("Documents stand between the tokens that begin and end a text")
  func documents() throws {
    let files = TokenizerTraining(vocabularySize: 258).files(for: [])
    let tokenizer = try Tokenizer(tokenizerJSON: files.tokenizerJSON, configuration: files.configurationJSON)
    let windows = try PackedWindows(TrainingText(documents: ["ab", "c"]), tokenizer: tokenizer, context: 2)
    let letters = "abc".map { Int32(tokenizer.id(of: String($0)) ?? -1) }
    #expect(windows.tokens == [0, letters[0], letters[1], 1, 0, letters[2], 1])
  }

  @Test("An epoch serves every window once, in an order of its own that the seed fixes")
  func epochs() throws {
    let windows = try PackedWindows(tokens: Array(0...40), context: 2)
    func epochs(seed: UInt64) -> [[Int]] {
      var loader = DataLoader(windows, seed: seed)
      return (0..<2).map { _ in (0..<4).flatMap { _ in loader.next(5).indices } }
    }
    let (first, again, other) = (epochs(seed: 1), epochs(seed: 1), epochs(seed: 2))
    #expect(first == again)
    #expect(first[0].sorted() == Array(0..<20) && first[1].sorted() == Array(0..<20))
    #expect(first[0] != first[1] && first[0] != other[0] && first[0] != Array(0..<20))
  }

  @Test("A loader made at a position goes on as the one that was there, across the end of an epoch")
  func position() throws {
    let windows = try PackedWindows(tokens: Array(0...14), context: 2)
    var loader = DataLoader(windows, seed: 7)
    for _ in 0..<4 {
      _ = loader.next(3)
      var resumed = DataLoader(windows, seed: 7, position: loader.position)
      var copy = loader
      #expect(resumed.next(5) == copy.next(5))
    }
    #expect(loader.position == DataLoader.Position(epoch: 1, index: 5))
  }

  @Test("Text, JSON and JSON lines give their documents")
  func files() throws {
    let folder = try TestFiles.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ name: String, _ text: String) throws -> URL {
      let url = folder.appending(path: name)
      try Data(text.utf8).write(to: url)
      return url
    }
    let text = try TrainingText(contentsOf: [
      write("a.txt", "one\ntwo"), write("b.json", #"["three", {"text": "four"}, ""]"#),
      write(
        "c.jsonl",
        """
        {"text": "five"}

        {"instruction": "Add.", "input": "1 1", "output": "2"}
        {"prompt": "Say six.", "response": "six"}
        """),
    ])
    #expect(text.documents == ["one\ntwo", "three", "four", "five", "Add.\n\n1 1\n\n2", "Say six.\n\nsix"])
  }
}

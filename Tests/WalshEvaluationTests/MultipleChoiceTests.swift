import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshTensor

@testable import WalshEvaluation

@Suite("Multiple choice")
struct MultipleChoiceTests {
  /// A token for each byte.
  let encoding = TokenEncoding(beginToken: 0) { $0.utf8.map(Int.init) }

  /// A byte model that likes `favourite` behind anything, e^`weight` times as much as any other byte.
  private func model(favouring favourite: Character, weight: Float = 5) -> TableModel {
    let favourite = Int(favourite.asciiValue ?? 0)
    return TableModel(
      table: Tensor(
        (0..<256 * 256).map { $0 % 256 == favourite ? weight : 0 }, shape: [256, 256]))
  }

  @Test("The likeliest choice is taken")
  func likeliest() throws {
    let questions = [
      ChoiceQuestion(prompt: "Q:", choices: ["ab", "zz"], answer: 1),
      ChoiceQuestion(prompt: "Q:", choices: ["zb", "ab"], answer: 1),
      ChoiceQuestion(prompt: "Q:", choices: ["ab", "bz"], answer: 1),
    ]
    let result = try model(favouring: "z").answers(to: questions, encoding: encoding, context: 64)
    #expect(result.bySum == Proportion(successes: 2, trials: 3))
  }

  @Test("By sum the short answer wins, by length the better one")
  func lengths() throws {
    // Each byte costs log(255 + e^1) whatever it is, less 1 for a z.
    let question = ChoiceQuestion(prompt: "Q:", choices: ["a", "zzzz"], answer: 1)
    let result = try model(favouring: "z", weight: 1).answers(to: [question], encoding: encoding, context: 64)
    #expect(result.bySum.successes == 0)
    #expect(result.byLength.successes == 1)
  }

  @Test("Windows score what the choices do not share, at least one token, and keep the end of a long prompt")
  func windows() throws {
    let question = ChoiceQuestion(prompt: "Q", choices: ["answer1", "answer2"], answer: 0)
    let all = try question.windows(encoding: encoding, context: 64)
    #expect(all.map(\.targets) == [[49], [50]])
    #expect(all[0].tokens == [0] + Array("Q answer1".utf8).map(Int.init))
    let cut = try question.windows(encoding: encoding, context: 4)
    #expect(cut[1].tokens == Array("wer2".utf8).map(Int.init))
    #expect(cut[1].scored == 3..<4)
    let prefix = try ChoiceQuestion(prompt: "Q", choices: ["a", "ab"], answer: 0).windows(
      encoding: encoding, context: 9)
    #expect(prefix.map(\.targets) == [[97], [97, 98]])
  }

  @Test("An instruction with an answer format is a question; a plain one has choices")
  func parsing() throws {
    let instruction: JSON = [
      "instruction": "Is it so?\n\nAnswer format: true/false", "input": "", "output": "the correct answer is false",
      "answer": "false",
    ]
    let first = try #require(ChoiceQuestion(instruction))
    #expect(first.choices == ["true", "false"])
    #expect(first.answer == 1)
    #expect(first.prompt.hasSuffix("### Response:\nthe correct answer is"))
    #expect(first.prompt.contains("### Instruction:\nIs it so?\n\nAnswer format: true/false\n"))
    let plain = try #require(ChoiceQuestion(["question": "Two?", "choices": ["1", "2"], "answer": 1]))
    #expect(plain == ChoiceQuestion(prompt: "Question: Two?\nAnswer:", choices: ["1", "2"], answer: 1))
    #expect(ChoiceQuestion(["question": "Two?", "choices": ["1", "2"], "answer": "2"]) == plain)
  }

  @Test(
    "What is no question is refused",
    arguments: [
      ["instruction": "Answer format: a/b", "answer": "c"], ["instruction": "no format", "answer": "a"],
      ["question": "x", "choices": ["a", "b"], "answer": 2], ["question": "x", "choices": ["a"], "answer": 0],
      ["question": "x", "choices": ["a", 1], "answer": 0], ["question": "x"], [:], 3,
    ] as [JSON])
  func refused(json: JSON) {
    #expect(ChoiceQuestion(json) == nil)
  }

  @Test(
    "Every element of the shared instruction sets is a question whose answer is among its choices",
    .enabled(if: TestFiles.shared("commonsense/boolq.test.json") != nil),
    arguments: [
      ("boolq", 3270, 2), ("ARC-Easy", 2376, 5), ("ARC-Challenge", 1172, 5), ("openbookqa", 500, 4),
      ("piqa", 1838, 2),
      ("social_i_qa", 1954, 3), ("winogrande", 1267, 2),
    ])
  func sharedSets(name: String, count: Int, mostChoices: Int) throws {
    let url = try #require(TestFiles.shared("commonsense/\(name).test.json"))
    let questions = try ChoiceQuestion.read(contentsOf: url)
    #expect(questions.count == count)
    #expect(questions.allSatisfy { (2...mostChoices).contains($0.choices.count) })
  }
}

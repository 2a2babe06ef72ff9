import Foundation
import WalshCheckpoints

/// A question with several answers, one of them right.
public struct ChoiceQuestion: Sendable, Equatable {
  /// What the model reads before an answer, up to and without the space in front of it.
  public let prompt: String
  /// The answers whose likelihoods are compared.
  public let choices: [String]
  /// The place of the right one.
  public let answer: Int

  public init(prompt: String, choices: [String], answer: Int) {
    precondition(choices.indices.contains(answer), "Answer \(answer) is none of \(choices.count) choices.")
    self.prompt = prompt
    self.choices = choices
    self.answer = answer
  }

  /// Reads a JSON array of questions in either of two shapes.
  ///
  /// - The instruction sets of LLM-Adapters: `{"instruction", "answer"}`, where the instruction ends in
  ///   `Answer format: a/b/…` and those names are the choices. The prompt is that project's template with the beginning of
  ///   its answers, "the correct answer is".
  /// - Any other set: `{"question", "choices": […], "answer"}`; the answer is a place, from 0, or one of the choices. The
  ///   prompt is "Question: …", a new line and "Answer:".
  ///
  /// - Throws: `EvaluationError` naming the file and the element that fits neither.
  public static func read(contentsOf url: URL) throws(EvaluationError) -> [ChoiceQuestion] {
    let bytes: Data
    do { bytes = try Data(contentsOf: url) } catch {
      throw EvaluationError(url, "it cannot be read; check the path.")
    }
    return try JSON.array(in: bytes, of: url).enumerated().map { (index, element) throws(EvaluationError) in
      guard let question = ChoiceQuestion(element) else {
        throw EvaluationError(
          url,
          "element \(index) is no question; give instruction with \"Answer format: a/b\" and answer, or question, choices and answer."
        )
      }
      return question
    }
  }

  /// The question that `json` describes in one of the two shapes; nil when it is neither.
  init?(_ json: JSON) {
    if let instruction = json["instruction"]?.stringValue, let right = json["answer"]?.stringValue {
      guard let format = instruction.range(of: "Answer format: ", options: .backwards) else { return nil }
      let choices = instruction[format.upperBound...].split(separator: "/").map {
        $0.trimmingCharacters(in: .whitespacesAndNewlines)
      }
      guard let answer = choices.firstIndex(of: right), choices.count > 1 else { return nil }
      self.init(prompt: Self.instructionPrompt(instruction), choices: choices, answer: answer)
    } else {
      guard let question = json["question"]?.stringValue, let elements = json["choices"]?.arrayValue else {
        return nil
      }
      let choices = elements.compactMap(\.stringValue)
      guard choices.count == elements.count, choices.count > 1, let right = json["answer"],
        let answer = right.intValue ?? right.stringValue.flatMap(choices.firstIndex),
        choices.indices.contains(answer)
      else { return nil }
      self.init(prompt: "Question: \(question)\nAnswer:", choices: choices, answer: answer)
    }
  }

  /// Alpaca's template, as LLM-Adapters trains and evaluates with it.
  static func instructionPrompt(_ instruction: String) -> String {
    """
    Below is an instruction that describes a task. Write a response that appropriately completes the request.

    ### Instruction:
    \(instruction)

    ### Response:
    the correct answer is
    """
  }
}

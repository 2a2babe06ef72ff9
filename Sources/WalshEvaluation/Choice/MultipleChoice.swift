import WalshCheckpoints
import WalshModels

/// How many questions a model answers rightly when it takes the likeliest answer.
public struct MultipleChoiceResult: Sendable, Hashable {
  /// By the sum of log-probabilities of an answer's tokens, `acc` of lm-evaluation-harness.
  public let bySum: Proportion
  /// By that sum over the answer's UTF-8 bytes, `acc_norm` there: long answers are not at a disadvantage, and the
  /// tokenizer does not matter.
  public let byLength: Proportion

  /// `{"questions", "accuracy", "accuracyInterval", "accuracyByLength", "accuracyByLengthInterval"}` with Wilson's 95 %
  /// intervals.
  public var json: JSON {
    [
      "questions": .number(JSONNumber(bySum.trials)),
      "accuracy": JSON(finite: bySum.value), "accuracyInterval": bySum.interval.json,
      "accuracyByLength": JSON(finite: byLength.value), "accuracyByLengthInterval": byLength.interval.json,
    ]
  }
}

extension CausalModel {
  /// Answers every question by the likelihood of its choices behind the prompt and a space; the first of equals wins.
  ///
  /// - Parameters:
  ///   - questions: at least one.
  ///   - encoding: the model's tokenizer.
  ///   - context: the most tokens the model may see; of longer texts the end is kept.
  ///   - progress: called after each question.
  /// - Returns: both accuracies.
  /// - Throws: `EvaluationError` when the tokens are not the model's or a prediction is not a number; what the encoding
  ///   throws.
  /// - Complexity: one pass over prompt and answer for each choice.
  public func answers(
    to questions: [ChoiceQuestion], encoding: TokenEncoding, context: Int, progress: ProgressObserver? = nil
  ) throws -> MultipleChoiceResult {
    precondition(!questions.isEmpty && context > 1, "There are questions, and a context of at least two tokens.")
    var bySum = 0
    var byLength = 0
    for (index, question) in questions.enumerated() {
      progress?(ProgressUpdate("answer", done: index, total: questions.count))
      let windows = ScoringWindows(
        scoring: .documents(context: context), windows: try question.windows(encoding: encoding, context: context))
      try windows.check(vocabularySize: vocabularySize)
      let likelihoods = try windows.windows.map { window in
        let losses = logits(for: window.inputs).rows(window.rows).negativeLogLikelihood(of: window.targets)
        try checkPredictions(losses, of: "model", window: index)
        return -losses.reduce(0, +)
      }
      let normalized = zip(likelihoods, question.choices).map { $0 / Double(max(1, $1.utf8.count)) }
      if firstMaximum(likelihoods) == question.answer { bySum += 1 }
      if firstMaximum(normalized) == question.answer { byLength += 1 }
    }
    progress?(ProgressUpdate("answer", done: questions.count, total: questions.count))
    return MultipleChoiceResult(
      bySum: Proportion(successes: bySum, trials: questions.count),
      byLength: Proportion(successes: byLength, trials: questions.count))
  }
}

extension ChoiceQuestion {
  /// A window for each choice that scores what follows the tokens all choices have in common.
  ///
  /// A prompt's last characters may melt into the answer's first token, so prompt and answer are encoded together; what
  /// all have in common cannot decide between them.
  func windows(encoding: TokenEncoding, context: Int) throws -> [ScoringWindow] {
    let texts = try choices.map { try encoding.tokens(of: prompt + " " + $0) }
    let shortest = texts.map(\.count).min() ?? 0
    let shared = (0..<shortest).first { i in texts.contains { $0[i] != texts[0][i] } } ?? shortest
    let start = max(1, min(shared, shortest - 1))
    return texts.map { tokens in
      let kept = Array(tokens.suffix(context))
      let first = max(1, start - (tokens.count - kept.count))
      return ScoringWindow(tokens: kept, scored: min(first, kept.count)..<kept.count)
    }
  }
}

/// The place of the largest value, the first of equals.
private func firstMaximum(_ values: [Double]) -> Int {
  values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
}

import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor

/// How well a model predicts a text.
public struct LossResult: Sendable, Hashable {
  /// The protocol that scored it.
  public let scoring: ScoringProtocol
  /// The mean negative log-likelihood of the scored tokens, in nats, with its sampling error over windows.
  public let mean: ClusteredMean

  public init(scoring: ScoringProtocol, mean: ClusteredMean) {
    self.scoring = scoring
    self.mean = mean
  }

  /// Nats per token.
  public var loss: Double { mean.value }
  /// exp(loss).
  public var perplexity: Double { exp(loss) }
  /// The number of scored tokens.
  public var tokens: Int { mean.count }
  /// The standard error of the loss, taking windows, not tokens, as independent; nil for a single window.
  public var standardError: Double? { mean.standardError }

  /// `{"loss":…,"perplexity":…,"tokens":…,"protocol":…,"standardError":…}`; the last member is missing for one window.
  public var json: JSON {
    var members: JSONObject = [
      "loss": JSON(finite: loss), "perplexity": JSON(finite: perplexity), "tokens": .number(JSONNumber(tokens)),
      "protocol": .string(scoring.description),
    ]
    members["standardError"] = standardError.map(JSON.init(finite:))
    return .object(members)
  }
}

extension CausalModel {
  /// Scores the model on `windows`, one window at a time.
  ///
  /// - Throws: `EvaluationError` when the tokens are not the model's, or a prediction is not a number.
  public func loss(on windows: ScoringWindows, progress: ProgressObserver? = nil) throws(EvaluationError)
    -> LossResult
  {
    try windows.check(vocabularySize: vocabularySize)
    var mean = ClusteredMean()
    for (index, window) in windows.windows.enumerated() {
      progress?(ProgressUpdate("evaluate", done: index, total: windows.windows.count))
      let losses = logits(for: window.inputs).rows(window.rows).negativeLogLikelihood(of: window.targets)
      try checkPredictions(losses, of: "model", window: index)
      mean.addCluster(losses)
    }
    progress?(ProgressUpdate("evaluate", done: windows.windows.count, total: windows.windows.count))
    return LossResult(scoring: windows.scoring, mean: mean)
  }
}

/// Refuses losses that are not numbers, which only damaged weights or scales give.
func checkPredictions(_ losses: [Double], of model: String, window: Int) throws(EvaluationError) {
  guard let position = losses.firstIndex(where: \.isNaN) else { return }
  throw EvaluationError(
    model,
    "its prediction \(position) in window \(window) is not a number; a weight or scale is damaged, write the model again."
  )
}

import WalshCheckpoints
import WalshModels
import WalshTensor

/// A base model and others on the same text, side by side.
public struct Comparison: Sendable {
  /// The protocol that cut the text.
  public let scoring: ScoringProtocol
  /// The base first, then the candidates in the order they were given.
  public var rows: [ComparisonRow]

  public init(scoring: ScoringProtocol, rows: [ComparisonRow]) {
    self.scoring = scoring
    self.rows = rows
  }

  /// The rows as a JSON array.
  public var json: JSON { .array(rows.map(\.json)) }

  /// Scores `base` and every candidate on `windows`.
  ///
  /// The base's logits of one window are in memory at a time and serve all candidates; models differ in nothing but
  /// their numbers, so their vocabularies must agree.
  ///
  /// - Parameters:
  ///   - base: the reference, with its name.
  ///   - candidates: models to compare with it, such as its quantized versions.
  ///   - windows: the text.
  ///   - progress: called after each window.
  /// - Throws: `EvaluationError` when a vocabulary differs, the tokens are not the models', or a prediction is not a
  ///   number.
  public init(
    base: NamedModel, candidates: [NamedModel], on windows: ScoringWindows, progress: ProgressObserver? = nil
  ) throws(EvaluationError) {
    try windows.check(vocabularySize: base.model.vocabularySize)
    for candidate in candidates where candidate.model.vocabularySize != base.model.vocabularySize {
      throw EvaluationError(
        candidate.name,
        "it has \(candidate.model.vocabularySize) tokens and \(base.name) \(base.model.vocabularySize); compare models of one family."
      )
    }
    var baseLoss = ClusteredMean()
    var tallies = candidates.map { _ in Tally() }
    let total = windows.windows.count
    for (index, window) in windows.windows.enumerated() {
      progress?(ProgressUpdate("compare", done: index, total: total))
      let reference = base.model.logits(for: window.inputs).rows(window.rows)
      let losses = reference.negativeLogLikelihood(of: window.targets)
      try checkPredictions(losses, of: base.name, window: index)
      baseLoss.addCluster(losses)
      for (place, candidate) in candidates.enumerated() {
        let logits = candidate.model.logits(for: window.inputs).rows(window.rows)
        let scores = PositionScores(base: reference, model: logits, targets: window.targets)
        try checkPredictions(scores.losses, of: candidate.name, window: index)
        tallies[place].add(scores, baseLosses: losses)
      }
    }
    progress?(ProgressUpdate("compare", done: total, total: total))
    scoring = windows.scoring
    rows =
      [ComparisonRow(name: base.name, loss: LossResult(scoring: scoring, mean: baseLoss))]
      + zip(candidates, tallies).map { candidate, tally in
        ComparisonRow(
          name: candidate.name, loss: LossResult(scoring: windows.scoring, mean: tally.loss),
          divergence: tally.divergence)
      }
  }
}

/// A model and what tables call it.
public struct NamedModel {
  public let name: String
  public let model: any CausalModel

  public init(_ name: String, _ model: any CausalModel) {
    self.name = name
    self.model = model
  }
}

/// What a candidate has gathered so far.
private struct Tally {
  var loss = ClusteredMean()
  var lossDifference = ClusteredMean()
  var kl = ClusteredMean()
  var agreement = ClusteredMean()
  /// The divergence of every position, for the quantile.
  var divergences: [Double] = []

  mutating func add(_ scores: PositionScores, baseLosses: [Double]) {
    loss.addCluster(scores.losses)
    lossDifference.addCluster(zip(scores.losses, baseLosses).map { $0 - $1 })
    kl.addCluster(scores.divergences)
    agreement.addCluster(scores.agreements)
    divergences += scores.divergences
  }

  var divergence: Divergence {
    Divergence(
      kl: kl, kl999: quantile(0.999, ofSorted: divergences.sorted()), top1Agreement: agreement,
      lossDifference: lossDifference)
  }
}

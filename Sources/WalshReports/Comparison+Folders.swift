import WalshEvaluation
import WalshModels

extension Comparison {
  /// Scores folders, and measures their sizes and how fast they generate.
  ///
  /// - Throws: `EvaluationError`, `CheckpointError`.
  public init(
    base: ModelFolder, candidates: [(name: String, folder: ModelFolder)], on windows: ScoringWindows,
    progress: ProgressObserver? = nil
  ) throws {
    let models = try candidates.map { candidate in
      let model = try candidate.folder.model()
      return (named: NamedModel(candidate.name, model), model: model, folder: candidate.folder)
    }
    let reference = try base.model()
    try self.init(
      base: NamedModel(base.name, reference), candidates: models.map(\.named), on: windows, progress: progress)
    guard let prompt = windows.windows.first?.tokens.prefix(16) else { return }
    for (place, (model, folder)) in ([(reference, base)] + models.map { ($0.model, $0.folder) }).enumerated() {
      progress?(ProgressUpdate("decode speed", done: place, total: models.count + 1))
      rows[place].size = ModelSize(of: folder.checkpoint, outline: folder.architecture.outline)
      rows[place].decodeTokensPerSecond = model.decodeSpeed(prompt: Array(prompt), tokens: 32).tokensPerSecond
    }
  }
}

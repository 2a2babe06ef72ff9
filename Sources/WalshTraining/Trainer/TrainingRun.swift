import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor

/// A training run in a folder: made or resumed, advanced step by step, saved now and then.
///
/// Interrupted anywhere and resumed, it ends in the same bytes as without interruption.
public struct TrainingRun {
  /// What the run was asked to do.
  public let configuration: TrainingConfiguration
  /// The folder.
  public let folder: URL
  /// What was noted so far.
  public private(set) var history: TrainingHistory
  /// The model in training.
  public private(set) var trainer: Trainer
  /// What was restored, one sentence; nil for a run that begins.
  public let resumption: String?

  private let heldOut: PackedWindows?
  private let checksum: UInt64
  /// Steps since the last entry of the history, and how long they took.
  private var timed = (seconds: 0.0, tokens: 0)
  private var place: TrainingFolder { TrainingFolder(url: folder) }

  /// The configuration of the run in `folder`, to resume it without saying again what it does; nil when there is none
  /// that has made a step.
  ///
  /// - Throws: `TrainingError` when something else is there.
  public static func configuration(of folder: URL) throws -> TrainingConfiguration? {
    let place = TrainingFolder(url: folder)
    return place.exists ? try place.configuration() : nil
  }

  /// Reads the text, makes or reads the tokenizer, and makes or resumes the folder.
  ///
  /// - Parameters:
  ///   - configuration: what to do.
  ///   - folder: where the model goes.
  ///   - existing: what to do with what is there; resuming where nothing is begins.
  /// - Throws: `TrainingError`, `CheckpointError`, `RecipeError` or `TokenizerError`, each one sentence.
  public init(
    _ configuration: TrainingConfiguration, in folder: URL, existing: FolderWriter.Existing = .refuse
  ) throws {
    try configuration.check()
    self.configuration = configuration
    self.folder = folder
    let recipe = try MatmulRecipes.named(configuration.recipe)
    let place = TrainingFolder(url: folder)
    // A folder whose run has not made a step holds nothing worth keeping, and begins again.
    let resumes = try existing == .resume && place.exists && place.step() > 0
    if existing == .refuse, place.exists {
      throw TrainingError(folder, "the folder exists; choose another name, --resume the run in it or --force.")
    }
    let text = try TrainingText(contentsOf: configuration.text.map { URL(filePath: $0) })
    let tokenizer =
      resumes ? try TrainingTokenizer(folder: folder) : try TrainingTokenizer(configuration, text: text)
    let windows = try PackedWindows(text, tokenizer: tokenizer.tokenizer, context: configuration.context)
    checksum = windows.checksum
    let (learnt, heldOut) = try Self.divided(windows, by: configuration, tokenizer: tokenizer.tokenizer)
    self.heldOut = heldOut
    let model = try configuration.model.configuration(
      vocabularySize: tokenizer.tokenizer.idLimit, context: configuration.context,
      beginToken: tokenizer.tokenizer.beginningOfTextID, endToken: tokenizer.tokenizer.endOfTextID, folder: folder)
    let architecture = try Architecture(model)

    if resumes {
      let state = try place.resumable(architecture, for: configuration, checksum: checksum)
      if let saved = state.recipe { try recipe.state?.restore(saved) }
      trainer = Trainer(
        architecture, configuration: configuration, recipe: recipe,
        loader: DataLoader(learnt, seed: configuration.seed, position: state.position), parameters: state.parameters,
        moments: (state.step, state.means, state.meanSquares))
      history = state.history
      resumption =
        "resumed behind step \(state.step) of \(configuration.steps): weights, optimiser, data order (epoch "
        + "\(state.position.epoch), window \(state.position.index)) and random streams (seed \(configuration.seed)) are restored"
    } else {
      trainer = Trainer(
        architecture, configuration: configuration, recipe: recipe,
        loader: DataLoader(learnt, seed: configuration.seed))
      history = TrainingHistory()
      resumption = nil
      try place.create(
        model, tokenizer, TrainingState(trainer, checksum: checksum, history: history), architecture: architecture,
        existing: place.exists ? .replace : existing)
    }
  }

  /// What is learnt and what is held out.
  private static func divided(
    _ windows: PackedWindows, by configuration: TrainingConfiguration, tokenizer: Tokenizer
  ) throws -> (PackedWindows, PackedWindows?) {
    switch configuration.validation {
    case nil: return (windows, nil)
    case .share(let share): return try windows.split(heldOut: share)
    case .text(let file):
      let text = try TrainingText(contentsOf: [URL(filePath: file)])
      return (windows, try PackedWindows(text, tokenizer: tokenizer, context: configuration.context))
    }
  }

  /// Makes the steps that are left.
  ///
  /// - Parameter observer: told after each step.
  /// - Throws: what `advance()` throws.
  public mutating func run(_ observer: (TrainingUpdate) -> Void = { _ in }) throws {
    while trainer.step < configuration.steps { observer(try advance()) }
  }

  /// Makes one step, with the measurement and the checkpoint that are due after it.
  ///
  /// - Throws: `TrainingError` when the loss is lost, `CheckpointError` when the disk refuses; the last checkpoint stays.
  @discardableResult
  public mutating func advance() throws -> TrainingUpdate {
    let start = ContinuousClock.now
    let outcome: Trainer.Outcome
    do { outcome = try trainer.advance() } catch let error as TrainingError {
      throw TrainingError(error.subject, "\(error.cause.dropLast()); \(lastCheckpoint).")
    }
    timed.seconds += start.duration(to: .now) / .seconds(1)
    timed.tokens += configuration.batch * configuration.accumulation * configuration.context
    let tokensPerSecond = Double(timed.tokens) / timed.seconds
    let entry = try entry(for: outcome)
    if let entry {
      history.entries.append(entry)
      timed = (0, 0)
    }
    if trainer.step % configuration.checkpointInterval == 0 || trainer.step == configuration.steps {
      try place.write(
        TrainingState(trainer, checksum: checksum, history: history), architecture: trainer.architecture)
    }
    return TrainingUpdate(
      step: trainer.step, steps: configuration.steps, loss: outcome.loss, tokensPerSecond: tokensPerSecond,
      entry: entry)
  }

  /// What to note of the step just made; nil for nothing.
  private func entry(for outcome: Trainer.Outcome) throws -> TrainingHistory.Entry? {
    let isLast = trainer.step == configuration.steps
    let isMeasured = isLast || trainer.step % configuration.validationInterval == 0
    let validationLoss = isMeasured ? try heldOut.map { try trainer.loss(on: $0) } : nil
    guard isLast || trainer.step == 1 || trainer.step % configuration.logInterval == 0 || validationLoss != nil
    else { return nil }
    return TrainingHistory.Entry(
      step: trainer.step, loss: outcome.loss, validationLoss: validationLoss, learningRate: outcome.learningRate)
  }

  private var lastCheckpoint: String {
    guard let step = try? place.step(), step > 0 else { return "no checkpoint was written yet" }
    return "the checkpoint of step \(step) stays in \(folder.path(percentEncoded: false))"
  }
}

extension TrainingFolder {
  /// The checkpoint, if `configuration` and the text are those that it was made with.
  ///
  /// Only the number of steps, intervals, names of files and gradient checkpointing may differ.
  func resumable(
    _ architecture: Architecture, for configuration: TrainingConfiguration, checksum: UInt64
  ) throws -> TrainingState {
    let begun = try self.configuration() ?? configuration
    if begun.model.vocabulary != configuration.model.vocabulary {
      throw TrainingError(
        "vocabulary \(configuration.model.vocabulary)",
        "the run in \(url.path(percentEncoded: false)) was begun with \(begun.model.vocabulary); resume it with that."
      )
    }
    let free = ["steps", "text", "validation", "checkpoint-interval", "log-interval", "gradient-checkpointing"]
    let known = Dictionary(begun.settings, uniquingKeysWith: { $1 })
    let wanted = configuration.settings
    for key in wanted.map(\.key) + begun.settings.map(\.key) where !free.contains(key) {
      let value = wanted.first { $0.key == key }?.value
      if value != known[key] {
        throw TrainingError(
          "\(key) \(value ?? "not given")",
          "the run in \(url.path(percentEncoded: false)) was begun with \(known[key] ?? "none"); resume it with that."
        )
      }
    }
    let stored = try Architecture(Checkpoint(folder: url).configuration())
    guard stored.vocabularySize == architecture.vocabularySize else {
      throw TrainingError(
        url,
        "the model has \(stored.vocabularySize) tokens, but its tokenizer.json has \(architecture.vocabularySize); put the run's tokenizer back."
      )
    }
    let state = try read(architecture)
    guard state.checksum == checksum else {
      throw TrainingError(
        configuration.text.joined(separator: ", "),
        "this is not the text that the run was begun with; give the same files in the same order.")
    }
    return state
  }
}

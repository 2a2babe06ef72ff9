import Foundation

/// What a training run was asked to do and how its loss went, read from its folder without weights and text.
public struct TrainingRecord: Sendable {
  /// Where the run is.
  public let folder: URL
  /// What it was asked to do.
  public let configuration: TrainingConfiguration
  /// What it noted up to its last checkpoint.
  public let history: TrainingHistory

  /// A record of a run in `folder`, wherever it was read.
  public init(folder: URL, configuration: TrainingConfiguration, history: TrainingHistory) {
    self.folder = folder
    self.configuration = configuration
    self.history = history
  }

  /// Reads the record of the run in `folder`.
  ///
  /// - Throws: `TrainingError` or `CheckpointError` when there is no run that has made a step, or its state is damaged.
  public init(contentsOf folder: URL) throws {
    guard let record = try TrainingFolder(url: folder).record() else {
      throw TrainingError(folder, "the run has not made a step yet; let it reach its first checkpoint.")
    }
    self = record
  }
}

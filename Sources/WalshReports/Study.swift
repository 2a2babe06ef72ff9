import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization

/// One base model quantized in several ways, and all of them compared on one text.
public struct Study {
  /// The base.
  public let base: ModelFolder
  /// What to make of it, in order.
  public let requests: [QuantizationRequest]
  /// Text for the requests that need it.
  public let calibration: CalibrationText?
  /// The text that all models are scored on.
  public let windows: ScoringWindows
  /// Where the quantized folders go, one for each request.
  public let folder: URL

  public init(
    base: ModelFolder, requests: [QuantizationRequest], calibration: CalibrationText?, windows: ScoringWindows,
    folder: URL
  ) {
    self.base = base
    self.requests = requests
    self.calibration = calibration
    self.windows = windows
    self.folder = folder
  }

  /// What a study found.
  public struct Outcome: Sendable {
    /// The base first, then the requests in order.
    public let comparison: Comparison
    /// The folder of each request.
    public let folders: [URL]
    /// The error of each layer, for each request.
    public let layers: [[LayerReport]]
  }

  /// Quantizes, scores and measures. Models that an earlier run finished are replaced.
  ///
  /// - Throws: what quantization and evaluation throw.
  public func run(progress: ProgressObserver? = nil) throws -> Outcome {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var folders: [URL] = []
    var layers: [[LayerReport]] = []
    for request in requests {
      let output = folder.appending(path: request.label.replacing(" ", with: "-"), directoryHint: .isDirectory)
      let run = try QuantizationRun(source: base.checkpoint, request: request, calibration: calibration)
      layers.append(
        try run.write(to: output, existing: .replace) { update in
          progress?(ProgressUpdate("\(request.label): \(update.label)", done: update.done, total: update.total))
        })
      folders.append(output)
    }
    let comparison = try Comparison(
      base: base, candidates: zip(requests, folders).map { (name: $0.label, folder: try ModelFolder($1)) },
      on: windows, progress: progress)
    return Outcome(comparison: comparison, folders: folders, layers: layers)
  }
}

extension Comparison {
  /// Scores folders, and measures their sizes and how fast they generate.
  ///
  /// - Throws: `EvaluationError`, `CheckpointError`.
  public init(
    base: ModelFolder, candidates: [(name: String, folder: ModelFolder)], on windows: ScoringWindows,
    progress: ProgressObserver? = nil
  ) throws {
    let models = try candidates.map { NamedModel($0.name, try $0.folder.model()) }
    try self.init(base: NamedModel(base.name, try base.model()), candidates: models, on: windows, progress: progress)
    for (place, folder) in ([base] + candidates.map(\.folder)).enumerated() {
      rows[place].size = ModelSize(of: folder.checkpoint, outline: folder.architecture.outline)
    }
  }
}

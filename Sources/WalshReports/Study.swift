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

    /// The weight error of every layer in the model's order, a series for each request.
    ///
    /// The layers of one place in the network are comparable between requests, though their values are transformed.
    public var layerErrorPlot: SeriesChart {
      SeriesChart(
        title: "Error of each layer's weight", horizontal: "layer", vertical: "relative squared error",
        series: zip(comparison.rows.dropFirst(), layers).map { row, layers in
          SeriesChart.Series(
            row.name,
            layers.enumerated().map { index, layer in
              SeriesChart.Series.Point(x: Double(index + 1), y: layer.weightError, name: layer.path)
            })
        }, verticalSpacing: .logarithmic)
    }
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

import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization

/// One base model quantized in several ways, each compared with it on one text.
public struct Study {
  /// The base.
  public let base: ModelFolder
  /// What to make of it, in order. Requests that differ in the seed alone share a row of the tables.
  public let requests: [QuantizationRequest]
  /// The text to calibrate a request on, for those that need one.
  public let calibration: (QuantizationRequest) throws -> CalibrationText
  /// The text that all models are scored on.
  public let windows: ScoringWindows
  /// Where the quantized folders go, one for each request, each with a record beside it.
  public let folder: URL

  public init(
    base: ModelFolder, requests: [QuantizationRequest],
    calibration: @escaping (QuantizationRequest) throws -> CalibrationText, windows: ScoringWindows, folder: URL
  ) {
    self.base = base
    self.requests = requests
    self.calibration = calibration
    self.windows = windows
    self.folder = folder
  }

  /// Quantizes, scores and measures, one request after the other.
  ///
  /// A request that its method refuses, or that fails, is told with its sentence and keeps no other from its turn. Models
  /// of one request are all scored with the base beside them, so that one pair is in memory at a time.
  ///
  /// - Parameters:
  ///   - resuming: whether models stay that an earlier run made of the same base, request and calibration text; a
  ///     model that was interrupted is continued.
  ///   - progress: called before each step.
  /// - Throws: what scoring the base throws, and `CheckpointError` when the disk refuses.
  public func run(resuming: Bool = false, progress: ProgressObserver? = nil) throws -> Outcome {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var outcome = Outcome(base: base.name, scoring: windows.scoring, baseRow: try score([], progress)[0])
    for (index, request) in requests.enumerated() {
      let name = "\(request.label), \(index + 1) of \(requests.count)"
      do {
        outcome.entries.append(
          try entry(of: request, resuming: resuming) {
            progress?(ProgressUpdate("\(name): \($0.label)", done: $0.done, total: $0.total))
          })
      } catch {
        outcome.failures.append(Failure(request: request, sentence: "\(error)"))
      }
    }
    return outcome
  }

  private func entry(
    of request: QuantizationRequest, resuming: Bool, _ progress: @escaping ProgressObserver
  ) throws -> Entry {
    let output = folder.appending(path: folderName(of: request), directoryHint: .isDirectory)
    let needsText = try request.plan(for: base.architecture.outline).calibrationReason != nil
    let run = try QuantizationRun(
      source: base.checkpoint, request: request, calibration: needsText ? calibration(request) : nil)
    let fingerprint = try run.fingerprint(progress: progress)
    let exists = FileManager.default.fileExists(atPath: output.path(percentEncoded: false))
    let known = resuming && exists ? StudyRecord(beside: output) : nil
    let record: StudyRecord
    if let known, known.fingerprint == fingerprint {
      record = known
    } else {
      let start = ContinuousClock.now
      let layers = try run.write(to: output, existing: resuming && !exists ? .resume : .replace, progress: progress)
      record = StudyRecord(fingerprint: fingerprint, seconds: start.duration(to: .now) / .seconds(1), layers: layers)
      try record.write(beside: output)
    }
    let candidate = try ModelFolder(output)
    return Entry(
      request: request, folder: output, row: try score([(request.label, candidate)], progress)[1],
      layers: record.layers, seconds: record.seconds, onlineCost: try candidate.onlineCost())
  }

  private func folderName(of request: QuantizationRequest) -> String {
    let label = request.label.replacing(" ", with: "-").replacing("/", with: "-")
    let hasSeeds = requests.contains { $0.label == request.label && $0.seed != request.seed }
    return hasSeeds ? "\(label)-\(request.seed)" : label
  }

  private func score(
    _ candidates: [(name: String, folder: ModelFolder)], _ progress: ProgressObserver?
  ) throws -> [ComparisonRow] {
    try Comparison(base: base, candidates: candidates, on: windows, progress: progress).rows
  }
}

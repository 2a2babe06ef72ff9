import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor

@testable import WalshQuantization

/// A tiny random model of `Tests/Golden/models` to quantize, with tokens to calibrate on.
struct TinyModel {
  let folder: URL
  let checkpoint: Checkpoint
  let model: LanguageModel

  /// GQA, biases, QK norm, tied embeddings, a window, several shards.
  static let kinds = ["llama", "llama-tied", "llama-biases", "llama-sharded", "mistral-window", "qwen2", "qwen3"]

  init(_ name: String) throws {
    folder = TestFiles.golden("models/\(name)")
    checkpoint = try Checkpoint(folder: folder)
    model = try LanguageModel(checkpoint)
  }

  var outline: ModelOutline { model.architecture.outline }
  let tokens = (0..<24).map { 3 + $0 * 7 % 56 }

  /// Samples of fixed tokens.
  static func calibration(samples: Int = 6, length: Int = 20, seed: UInt64 = 1) -> CalibrationText {
    let stream = RandomStream(seed: seed, purpose: "test/tokens")
    return CalibrationText(
      samples: (0..<samples).map { sample in
        (0..<length).map { 3 + Int(stream.uniform64(at: sample * length + $0) * 56) }
      }, source: "test")
  }

  func run(
    _ request: QuantizationRequest, calibration: CalibrationText? = TinyModel.calibration(),
    activationLimit: Int = 1 << 29
  ) throws -> QuantizationRun {
    try QuantizationRun(
      source: checkpoint, request: request, calibration: calibration, activationLimit: activationLimit)
  }
}

/// Calls `body` with a new folder that is removed afterwards.
func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = try TestFiles.temporaryFolder()
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The bytes of every file in a folder, hidden ones too, by name.
func contents(of folder: URL) throws -> [String: Data] {
  var files: [String: Data] = [:]
  for name in try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)) {
    files[name] = try Data(contentsOf: folder.appending(path: name))
  }
  return files
}

/// The names of what a folder holds, hidden ones too.
func names(in folder: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)).sorted()
}

/// Random numbers of unit variance, shape `shape`.
func normal(_ shape: [Int], _ purpose: String) -> Tensor {
  .normal(shape, from: RandomStream(seed: 7, purpose: purpose))
}

/// Runs `body` with `count` workers. Results never depend on the number, so tests that run meanwhile do not mind.
func withWorkers<R>(_ count: Int, _ body: () throws -> R) rethrows -> R {
  let before = Parallel.workerCount
  defer { Parallel.workerCount = before }
  Parallel.workerCount = count
  return try body()
}

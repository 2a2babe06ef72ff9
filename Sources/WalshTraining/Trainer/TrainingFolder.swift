import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor

/// The folder of a run: at any moment a whole model in the layout of Hugging Face, with the state of the run beside it.
///
/// A checkpoint first writes `training/step-N.safetensors` (moments) and `training/step-N.json`, then replaces
/// `model.safetensors`, whose metadata says N, by renaming, and at last removes the state of the checkpoint before. The
/// rename is the one moment at which the checkpoint changes: whenever the process ends, weights and state that belong
/// together are there.
struct TrainingFolder {
  /// Where the folder is.
  let url: URL

  private static let stepKey = "training-step"
  private var model: URL { url.appending(path: "model.safetensors") }
  private var states: URL { url.appending(path: "training", directoryHint: .isDirectory) }
  private func tensors(of step: Int) -> URL { states.appending(path: "step-\(step).safetensors") }
  private func record(of step: Int) -> URL { states.appending(path: "step-\(step).json") }

  /// Whether something stands there.
  var exists: Bool { FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) }

  // MARK: Writing

  /// Makes the folder with the model as it begins.
  ///
  /// - Throws: `CheckpointError` when the folder is there and may not be replaced, or the disk refuses.
  func create(
    _ configuration: ModelConfiguration, _ tokenizer: TrainingTokenizer, _ state: TrainingState,
    architecture: Architecture, existing: FolderWriter.Existing
  ) throws {
    // A trained tokenizer has no folder to be copied from; nothing can stand below this file.
    let writer = try FolderWriter(url, from: tokenizer.source ?? URL(filePath: "/dev/null"), existing: existing)
    let shard = FolderWriter.shardName(0, of: 1)
    try write(state, architecture: architecture, to: writer.workingFolder.appending(path: shard))
    try writer.finish(configuration: configuration, shards: [shard], notes: tokenizer.files)
  }

  /// Makes a checkpoint; the one before is gone afterwards, and stays when the disk refuses.
  func write(_ state: TrainingState, architecture: Architecture) throws {
    do {
      try FileManager.default.createDirectory(at: states, withIntermediateDirectories: true)
    } catch {
      throw TrainingError(states, "the folder cannot be created: \(error.localizedDescription)")
    }
    let names = architecture.parameters.map(\.name)
    try Self.write(
      zip(names, state.means).map { ("mean." + $0, $1) } + zip(names, state.meanSquares).map { ("square." + $0, $1) },
      to: tensors(of: state.step), metadata: [("format", "pt")])
    try DurableFile.write(state.json.serialized(pretty: true) + [UInt8(ascii: "\n")], to: record(of: state.step))
    try write(state, architecture: architecture, to: model)
    let kept = [tensors(of: state.step), record(of: state.step)].map(\.lastPathComponent)
    let stale = (try? FileManager.default.contentsOfDirectory(atPath: states.path(percentEncoded: false))) ?? []
    for name in stale where !kept.contains(name) {
      try? FileManager.default.removeItem(at: states.appending(path: name))
    }
  }

  private func write(_ state: TrainingState, architecture: Architecture, to file: URL) throws {
    try Self.write(
      zip(architecture.parameters.map(\.name), state.parameters).map { ($0, $1) }, to: file,
      metadata: [("format", "pt"), (Self.stepKey, "\(state.step)")])
  }

  private static func write(
    _ tensors: [(name: String, tensor: Tensor)], to url: URL, metadata: [(key: String, value: String)]
  ) throws {
    let stored = tensors.map { StoredTensor(name: $0.name, $0.tensor) }
    let writer = try SafeTensorsWriter(url, tensors: stored.map(\.layout), metadata: metadata)
    for tensor in stored { try writer.write(tensor) }
    try writer.finish()
  }

  // MARK: Reading

  /// The step of the checkpoint.
  ///
  /// - Throws: `TrainingError` when the folder holds no run.
  func step() throws -> Int {
    guard let text = try SafeTensorsFile(model).metadata.first(where: { $0.key == Self.stepKey })?.value,
      let step = Int(text), step >= 0
    else { throw TrainingError(url, "it holds a model, but no training run to resume; choose another folder.") }
    return step
  }

  /// What the run in the folder was asked to do; nil when it has not made a step.
  func configuration() throws -> TrainingConfiguration? {
    try lastState().map { try configuration(in: $0.json, step: $0.step) }
  }

  /// What the run in the folder was asked to do and what it noted; nil when it has not made a step.
  func record() throws -> TrainingRecord? {
    try lastState().map { step, json in
      guard let history = json["history"].flatMap(TrainingHistory.init) else { throw damaged(step) }
      return TrainingRecord(folder: url, configuration: try configuration(in: json, step: step), history: history)
    }
  }

  /// The state of the last checkpoint without its tensors; nil when the run has not made a step.
  private func lastState() throws -> (step: Int, json: JSON)? {
    let step = try step()
    return step > 0 ? (step, try json(of: step)) : nil
  }

  private func configuration(in json: JSON, step: Int) throws -> TrainingConfiguration {
    guard let yaml = json["configuration"]?.stringValue else { throw damaged(step) }
    return try TrainingConfiguration(yaml: yaml, named: record(of: step).path(percentEncoded: false))
  }

  /// The checkpoint in the folder.
  ///
  /// - Throws: `TrainingError` or `CheckpointError` when a part is missing or damaged.
  func read(_ architecture: Architecture) throws -> TrainingState {
    let step = try step()
    let moments = try Checkpoint(file: tensors(of: step))
    let weights = try Checkpoint(file: model)
    func all(_ prefix: String, _ checkpoint: Checkpoint) throws -> [Tensor] {
      try architecture.parameters.map { name, shape in
        let tensor = try checkpoint.tensor(prefix + name).tensor(checkingFinite: true)
        guard tensor.shape == shape else {
          throw TrainingError(
            url, "the tensor \(prefix + name) of the checkpoint is \(tensor.shape), but the model needs \(shape).")
        }
        return tensor
      }
    }
    let state = TrainingState(
      json: try json(of: step), parameters: try all("", weights), means: try all("mean.", moments),
      meanSquares: try all("square.", moments))
    guard let state, state.step == step else { throw damaged(step) }
    return state
  }

  private func json(of step: Int) throws -> JSON {
    guard let bytes = try? [UInt8](Data(contentsOf: record(of: step))), let json = try? JSON(parsing: bytes) else {
      throw damaged(step)
    }
    return json
  }

  private func damaged(_ step: Int) -> TrainingError {
    TrainingError(record(of: step), "the state of the run is missing or damaged; start the run anew with --force.")
  }
}

import Foundation
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Quantizes a model folder into another, one decoder block in memory at a time.
///
/// The result is one shard for the embedding, one for each block and one for the output layer. A block is read, solved,
/// written, and read back from its shard before the calibration text passes through it: whatever was rounded on the way
/// to the disk, later blocks see. That also makes a resumed run the same run: finished blocks are read back alike. A plan
/// with a preparation is completed first, with the whole model in memory.
public struct QuantizationRun {
  /// The model to read.
  public let source: Checkpoint
  /// Its configuration.
  public let configuration: ModelConfiguration
  /// Its architecture.
  public let architecture: Architecture
  /// What was asked for.
  public let request: QuantizationRequest
  /// What will be done.
  public private(set) var plan: Plan
  /// The calibration text; nil when the plan needs none.
  public let calibration: CalibrationText?
  /// The bytes that calibration activations may occupy in memory; beyond, they go to a scratch file.
  public let activationLimit: Int
  /// The README of the result; nil for the card of a quantized model.
  var card: String?

  /// Prepares a run and checks everything that can be checked before the disk is touched: configuration, the presence and
  /// shape of every tensor, the plan.
  ///
  /// - Parameters:
  ///   - source: a full precision model folder.
  ///   - request: what to do.
  ///   - calibration: text to calibrate on; may be nil when the plan needs none.
  ///   - activationLimit: see the property.
  /// - Throws: `CheckpointError` or `QuantizationError`, one sentence each.
  public init(
    source: Checkpoint, request: QuantizationRequest, calibration: CalibrationText?,
    activationLimit: Int = MemoryEstimate.defaultActivationLimit
  ) throws {
    let architecture = try Architecture(source.configuration())
    try self.init(
      source: source, request: request, plan: request.plan(for: architecture.outline), calibration: calibration,
      activationLimit: activationLimit)
  }

  /// Prepares a run of a plan that was made by other means; `request` then only names it.
  init(
    source: Checkpoint, request: QuantizationRequest, plan: Plan, calibration: CalibrationText?,
    activationLimit: Int = MemoryEstimate.defaultActivationLimit
  ) throws {
    self.source = source
    self.request = request
    self.plan = plan
    self.activationLimit = activationLimit
    configuration = try source.configuration()
    if try configuration.quantization() != nil {
      throw QuantizationError(
        source.folder.path, "the model is quantized already; start from its full precision base.")
    }
    architecture = try Architecture(configuration)
    try architecture.checkParameters(of: source)
    if let reason = plan.calibrationReason, calibration == nil {
      throw QuantizationError("--calibration", "\(reason), so this plan needs text: pass a file.")
    }
    self.calibration = plan.calibrationReason == nil ? nil : calibration
    let vocabulary = try source.tensor(architecture.outline.embedding).shape[0]
    for token in (self.calibration?.samples ?? []).joined() where !(0..<vocabulary).contains(token) {
      throw QuantizationError(
        self.calibration?.source ?? "",
        "the tokenizer gives token \(token), but the embedding has \(vocabulary) rows; the folder mixes two models.")
    }
  }

  /// Carries out the run.
  ///
  /// - Parameters:
  ///   - output: the folder to write; it appears only when it is whole.
  ///   - existing: what to do with folders that are there.
  ///   - progress: called before each step; what it throws ends the run there.
  /// - Returns: the error of every quantized layer, in the model's order.
  /// - Throws: `CheckpointError`, `QuantizationError` or `LinearAlgebraError`, or what `progress` throws. Before the first
  ///   shard is begun, nothing was written; afterwards, `.resume` continues.
  public func write(
    to output: URL, existing: FolderWriter.Existing, progress: ((ProgressUpdate) throws -> Void)? = nil
  ) throws -> [LayerReport] {
    let identity = try fingerprint(progress: progress)
    let folder = try FolderWriter(output, from: source.folder, existing: existing)
    var journal = try Journal(in: folder.journalFolder, of: folder.workingFolder, request: identity)
    return try prepared(&journal, progress).write(to: folder, &journal, progress)
  }

  /// Writes what `journal` lacks of the shards, then the rest of the folder.
  private func write(
    to folder: FolderWriter, _ journal: inout Journal, _ progress: ((ProgressUpdate) throws -> Void)?
  ) throws -> [LayerReport] {
    let steps = architecture.outline.blocks.count + 2
    let names = (0..<steps).map { FolderWriter.shardName($0, of: steps) }
    let shards = ShardBuilder(run: self)
    var streams: CalibrationStreams?
    // A step that calibrates a block counts for as many as it makes.
    let blockUnits = plan.blockCalibration?.steps(samples: calibration?.samples.count ?? 0) ?? 1
    let units = 2 + (steps - 2) * blockUnits
    for step in 0..<steps {
      let label = step == 0 ? "embedding" : step == steps - 1 ? "output layer" : "block \(step) of \(steps - 2)"
      let done = step == 0 ? 0 : 1 + (step - 1) * blockUnits
      try progress?(ProgressUpdate(label, done: done, total: units))
      let isDone = step < journal.entries.count
      var reports: [LayerReport] = []
      var calibrated: CalibrationReport?
      var tensors: [StoredTensor] = []
      switch step {
      case 0:
        if !isDone { tensors = try shards.embedding() }
      case steps - 1:
        if !isDone { tensors = try shards.ends() }
      default:
        let text = try streams ?? self.streams(folder.workingFolder.appending(path: names[0]), folder)
        streams = text
        if !isDone || step < steps - 2 {
          let block = try shards.read(step - 1)
          let maxima = try text.pass(step - 1, of: architecture, block)
          if !isDone {
            let result = try shards.block(step - 1, block, on: text, maxima: maxima) { steps, note in
              try progress?(ProgressUpdate("\(label), \(note)", done: done + steps, total: units))
            }
            (tensors, reports, calibrated) = (result.tensors, result.layers, result.calibration)
          }
        }
      }
      if !isDone {
        let writer = try folder.shard(names[step], tensors: tensors.map(\.layout))
        for tensor in tensors { try writer.write(tensor) }
        try writer.finish()
        try journal.add(names[step], in: folder.workingFolder, layers: reports, calibration: calibrated)
      }
      if step > 0, step < steps - 2, let streams {
        streams.advanceOriginal()
        if let hidden = streams.quantized, hidden.count > 0 {
          try advance(hidden, through: step - 1, shard: folder.workingFolder.appending(path: names[step]))
        }
      }
    }
    try progress?(ProgressUpdate("finishing", done: units, total: units))
    streams = nil
    let layers = journal.entries.flatMap(\.layers)
    let result = try QuantizedConfiguration(run: self).configuration(
      shards: names.map { try Checkpoint(file: folder.workingFolder.appending(path: $0)) })
    let readme =
      try card
      ?? ModelCard(
        run: self, layers: layers, calibrations: journal.entries.compactMap(\.calibration),
        transforms: result.quantization()?.transforms ?? []
      ).text
    var notes = ["README.md": Array(readme.utf8)]
    notes[AutoEvidence.fileName] = plan.evidence?.json.serialized(pretty: true)
    try folder.finish(configuration: result, shards: names, notes: notes)
    return layers
  }

  // MARK: Preparation

  /// This run with its plan completed by its preparation, which goes on from the state in the journal.
  private func prepared(
    _ journal: inout Journal, _ progress: ((ProgressUpdate) throws -> Void)?
  ) throws -> QuantizationRun {
    guard let preparation = plan.preparation, let calibration else { return self }
    let total = preparation.stepCount
    var saved = try journal.preparationState()
    if (saved?.stepsDone ?? 0) < total {
      saved = try preparation.prepare(
        plan, of: architecture, source: source, calibration: calibration, from: saved
      ) { state in
        let done = state.stepsDone
        if done > 0, done % preparation.saveInterval == 0 || done == total { try journal.save(state) }
        let loss = state.losses.last.map { ", loss \(($0 * 1e4).rounded() / 1e4)" } ?? ""
        try progress?(
          ProgressUpdate("learning, step \(min(done + 1, total)) of \(total)\(loss)", done: done, total: total))
      }
    }
    guard let saved else { return self }
    var run = self
    run.plan = try preparation.completed(plan, with: saved)
    return run
  }

  // MARK: Calibration

  /// The residual stream in front of the first block, from the embedding as it was written.
  private func streams(_ shard: URL, _ folder: FolderWriter) throws -> CalibrationStreams {
    var samples: [Tensor] = []
    if let calibration {
      let embedding = try Checkpoint(file: shard).tensor(architecture.outline.embedding).tensor()
      samples = calibration.samples.map { embedding.gatheringRows($0) }
    }
    return try CalibrationStreams(samples, for: plan, limit: activationLimit, folder: folder.journalFolder)
  }

  /// Moves every sample through a finished block.
  private func advance(_ hidden: HiddenStates, through layer: Int, shard: URL) throws {
    let checkpoint = try Checkpoint(file: shard)
    let weights = CheckpointWeights(
      checkpoint, architecture: architecture,
      quantization: try QuantizedConfiguration(run: self).quantization(shards: [checkpoint]))
    let block = try architecture.block(layer, from: UnpackedWeights(base: weights))
    try hidden.update { block($0) }
  }

  // MARK: Identity

  /// A text that names model, request and calibration. Reads every weight once, and refuses NaN and infinity.
  public func fingerprint(progress: ((ProgressUpdate) throws -> Void)? = nil) throws -> String {
    var print = Fingerprint()
    print.add(String(decoding: configuration.serialized(), as: UTF8.self))
    for (index, name) in source.names.enumerated() {
      if index % 16 == 0 { try progress?(ProgressUpdate("checking weights", done: index, total: source.names.count)) }
      let stored = try source.tensor(name)
      print.add("\(stored.layout)")
      if stored.dtype.isFloatingPoint { _ = try stored.tensor(checkingFinite: true) }
      stored.withUnsafeBytes { print.add($0) }
      stored.release()
    }
    print.add("\(request.preset)")
    for sample in calibration?.samples ?? [] { sample.withUnsafeBytes { print.add($0) } }
    return "\(request.summary), \(request.samples) samples of \(request.context), \(print.description)"
  }
}

import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

extension ChannelStudy {
  /// Studies a model in full precision: every group untreated and behind each candidate's transform.
  ///
  /// One block and its activations of one window are in memory; each block is computed twice, since transforms may depend on
  /// the activations.
  ///
  /// - Parameters:
  ///   - folder: a full precision model.
  ///   - windows: what it reads, each at least one token.
  ///   - format: what weights and activations are rounded to.
  ///   - candidates: the transforms.
  ///   - progress: called before each block.
  /// - Throws: `QuantizationError` for a quantized model, what reading throws, and what `progress` throws.
  public init(
    _ folder: ModelFolder, windows: [[Int]], format: NumericFormat,
    candidates: [TransformCandidate] = TransformCandidate.all, seed: UInt64 = 0,
    progress: ((ProgressUpdate) throws -> Void)? = nil
  ) throws {
    if try folder.configuration.quantization() != nil {
      throw QuantizationError(
        folder.checkpoint.folder.path,
        "it is quantized, and its transforms are chosen; compare it with its base by --base.")
    }
    let weights = try ModelWeights(folder)
    let groups = try weights.walk(windows, progress: progress) { block, streams in
      var inputs: [String: InputStatistics] = [:]
      var transforms: [String: [GroupTransform]] = [:]
      for group in block.outline.groups {
        let made = try candidates.map { try $0.transform(of: group, format: format, seed: seed) }
        // The rows that any of them asks for.
        let rows = made.map(\.needs.rows).max() ?? 0
        inputs[group.id] = InputStatistics(width: group.width, needs: InputStatistics.Needs(rows: rows))
        transforms[group.id] = made
      }
      for stream in streams {
        _ = block(stream, state: nil) { group, activation in
          inputs[group.id]?.add(activation)
          return true
        }
      }
      return try block.outline.groups.map { group in
        let layers = try group.layers.map { try weights.source.linear($0).denseWeight }
        return try zip(candidates, transforms[group.id] ?? []).map { candidate, made in
          let transform = try made.resolved(for: group, weights: layers, inputs: inputs[group.id])
          return GroupMeasurement(
            candidate.name, group, layers: layers, transform: transform, format: format)
        }
      }
    }
    self.init(groups: groups, format: format, windows: windows.count, tokens: windows.reduce(0) { $0 + $1.count })
  }

  /// Studies a model as it is stored, behind the transforms that act at run time, beside its base.
  ///
  /// - Parameters:
  ///   - folder: the model, quantized or not.
  ///   - base: the model that it was made of; nil for none.
  ///   - windows: what they read.
  ///   - progress: called before each block.
  /// - Throws: `QuantizationError` for a base of another architecture, and as above.
  public init(
    stored folder: ModelFolder, base: ModelFolder?, windows: [[Int]],
    progress: ((ProgressUpdate) throws -> Void)? = nil
  ) throws {
    let outline = folder.architecture.outline
    if let base, base.architecture.outline.blocks.map(\.groups) != outline.blocks.map(\.groups) {
      throw QuantizationError(
        base.checkpoint.folder.path, "its layers are not those of \(folder.name), so it cannot be the base.")
    }
    func study(_ folder: ModelFolder, _ name: String) throws -> [Group] {
      let weights = try ModelWeights(folder)
      return try weights.walk(windows, progress: progress) { block, _ in
        try block.outline.groups.map { group in
          [
            GroupMeasurement(
              name, group, layers: try group.layers.map { try weights.source.linear($0).denseWeight },
              stage: try weights.source.inputStage(of: group))
          ]
        }
      }
    }
    let stored = try study(folder, "stored")
    let reference = try base.map { try study($0, "base") }
    self.init(
      groups: stored.indices.map { index in
        Group(
          group: stored[index].group, treatments: (reference?[index].treatments ?? []) + stored[index].treatments)
      }, format: nil, windows: windows.count, tokens: windows.reduce(0) { $0 + $1.count })
  }
}

/// A model that windows pass through block by block.
private struct ModelWeights {
  let architecture: Architecture
  let source: UnpackedWeights<CheckpointWeights>

  init(_ folder: ModelFolder) throws {
    architecture = folder.architecture
    source = UnpackedWeights(
      base: CheckpointWeights(
        folder.checkpoint, architecture: folder.architecture, quantization: try folder.configuration.quantization()))
  }

  /// Measures every group of every block.
  ///
  /// - Parameter prepare: makes the measurements of each group of a block from the residual streams in front of it.
  func walk(
    _ windows: [[Int]], progress: ((ProgressUpdate) throws -> Void)?,
    _ prepare: (any DecoderBlock, [Tensor]) throws -> [[GroupMeasurement]]
  ) throws -> [ChannelStudy.Group] {
    let embedding = try architecture.embedding(from: source)
    var streams = windows.map { embedding.gatheringRows($0) }
    let blocks = architecture.outline.blocks
    var groups: [ChannelStudy.Group] = []
    for layer in blocks.indices {
      try progress?(ProgressUpdate("block \(layer + 1) of \(blocks.count)", done: layer, total: blocks.count))
      let block = try architecture.block(layer, from: source)
      var measurements = try prepare(block, streams)
      for index in streams.indices {
        streams[index] = block(streams[index], state: nil) { group, activation in
          if let place = block.outline.groups.firstIndex(of: group) {
            for treatment in measurements[place].indices { measurements[place][treatment].add(activation) }
          }
          return true
        }
      }
      for (group, measured) in zip(block.outline.groups, measurements) {
        groups.append(ChannelStudy.Group(group: group, treatments: measured.map(\.treatment)))
      }
    }
    return groups
  }
}

/// One treatment of a group while windows pass.
private struct GroupMeasurement {
  private(set) var treatment: ChannelStudy.Treatment
  private let transform: (any LinearTransform)?
  private let activation: ActivationQuantizer?
  /// The weights behind the transform as they are, and rounded.
  private let exact: [Tensor]
  private let rounded: [Tensor]

  /// A group of a full precision model behind `transform`, rounded to `format`.
  init(
    _ name: String, _ group: LinearGroup, layers: [Tensor], transform: (any LinearTransform)?, format: NumericFormat
  ) {
    let fitted = format.fitted(toWidth: group.width)
    let inverse = transform?.inverseTranspose
    let exact = layers.map { layer in inverse.map { layer.transformed(by: $0) } ?? layer }
    // A width that no reader can pack stays in full precision.
    let amax = fitted?.isTwoLevel == true ? exact.map(\.maxMagnitude).max() : nil
    let rounded = exact.map { layer in
      fitted.map { Quantizer(format: $0).fakeQuantize(layer, amax: amax) } ?? layer
    }
    self.init(
      name, group, InputStage(transform: transform, activation: fitted.map { ActivationQuantizer(format: $0) }),
      exact, rounded)
    for index in layers.indices {
      let norm = exact[index].sumOfSquares
      treatment.layers[index].weightError = norm > 0 ? (exact[index] - rounded[index]).sumOfSquares / norm : 0
    }
  }

  /// A group as it is stored: its weights are what they are.
  init(_ name: String, _ group: LinearGroup, layers: [Tensor], stage: InputStage) {
    self.init(name, group, stage, layers, layers)
  }

  private init(_ name: String, _ group: LinearGroup, _ stage: InputStage, _ exact: [Tensor], _ rounded: [Tensor]) {
    transform = stage.transform
    activation = stage.activation
    (self.exact, self.rounded) = (exact, rounded)
    var weights = ChannelProfile(width: group.width)
    for layer in exact { weights.add(layer) }
    treatment = ChannelStudy.Treatment(
      name: name, activation: ChannelProfile(width: group.width), weights: weights,
      layers: group.layers.map { ChannelStudy.LayerError(path: $0) })
  }

  mutating func add(_ x: Tensor) {
    let transformed = transform.map { x.transformed(by: $0) } ?? x
    treatment.activation.add(transformed)
    let rounded = activation?(transformed) ?? transformed
    for index in exact.indices {
      let output = transformed.matmulTransposed(exact[index])
      let difference = rounded.matmulTransposed(self.rounded[index]) - output
      treatment.layers[index].squaredDifference += difference.sumOfSquares
      treatment.layers[index].squaredOutput += output.sumOfSquares
    }
  }
}

extension GroupTransform {
  /// What its calibration looks at beside the largest magnitudes.
  var needs: InputStatistics.Needs {
    if case .calibrated(let calibration) = self { calibration.needs } else { InputStatistics.Needs() }
  }

  /// The transform itself; nil for none, and for one that is learned with its whole block.
  func resolved(
    for group: LinearGroup, weights: [Tensor], inputs: InputStatistics?
  ) throws -> (any LinearTransform)? {
    switch self {
    case .none, .learned: nil
    case .fixed(let transform): transform
    case .calibrated(let calibration):
      try calibration.transform(
        for: group, weights: weights, inputs: inputs ?? InputStatistics(width: group.width))
    }
  }
}

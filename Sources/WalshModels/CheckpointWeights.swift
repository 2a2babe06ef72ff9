import WalshCheckpoints
import WalshFormats
import WalshTensor
import WalshTransforms

/// The parameters of a model folder, plain or quantized in compressed-tensors form.
public struct CheckpointWeights: WeightSource {
  private let checkpoint: Checkpoint
  private let quantization: QuantizationConfiguration?
  private let shapes: [String: [Int]]
  private let activations: ActivationPrecision

  /// - Parameters:
  ///   - checkpoint: the folder.
  ///   - architecture: what the folder holds; shapes are checked against it.
  ///   - quantization: how it is quantized; nil when it is not.
  ///   - activations: in what numbers activations in full precision meet four-bit and bfloat16 weights.
  public init(
    _ checkpoint: Checkpoint, architecture: Architecture, quantization: QuantizationConfiguration?,
    activations: ActivationPrecision = .float32
  ) {
    self.checkpoint = checkpoint
    self.activations = activations
    self.quantization = quantization
    shapes = Dictionary(uniqueKeysWithValues: architecture.parameters.map { ($0.name, $0.shape) })
  }

  /// The tensor `name` in Float32, of the shape that the architecture gives it.
  public func tensor(_ name: String) throws -> Tensor { try stored(name).tensor(checkingFinite: true) }

  /// The tensor `name`, of the shape that the architecture gives it.
  private func stored(_ name: String) throws -> StoredTensor {
    let stored = try checkpoint.tensor(name)
    if let shape = shapes[name], stored.shape != shape {
      throw CheckpointError(
        checkpoint.folder, "the tensor \(name) has the shape \(stored.shape), but config.json makes it \(shape).")
    }
    return stored
  }

  /// The weight `name`, a matrix in BF16 at its own width, any other widened to Float32.
  private func weight(_ name: String) throws -> Linear.Weight {
    let stored = try stored(name)
    guard stored.dtype == .bfloat16, stored.shape.count == 2 else {
      return .dense(try stored.tensor(checkingFinite: true))
    }
    let bits = stored.withUnsafeBytes { bytes in
      [UInt16](unsafeUninitializedCapacity: stored.count) { bits, count in
        UnsafeMutableRawBufferPointer(bits).copyMemory(from: bytes)
        count = stored.count
      }
    }
    // All exponent bits set: infinity or NaN. Widening finds it again and says where it is.
    if bits.contains(where: { $0 & 0x7f80 == 0x7f80 }) { _ = try stored.tensor(checkingFinite: true) }
    return .bfloat16(BFloat16Matrix(bits: bits, rows: stored.shape[0], columns: stored.shape[1]))
  }

  public func linear(_ path: String) throws -> Linear {
    let bias = checkpoint.contains(path + ".bias") ? try tensor(path + ".bias") : nil
    guard let group = quantization?.group(for: path) else {
      return Linear(try weight(path + ".weight"), bias: bias)
    }
    let packed = try PackedLinearTensors(path, in: checkpoint, group: group).weight
    if let shape = shapes[path + ".weight"], [packed.rows, packed.columns] != shape {
      throw CheckpointError(
        checkpoint.folder,
        "the layer \(path) is packed as \(packed.rows)×\(packed.columns), but config.json makes it \(shape).")
    }
    var layer = Linear(InterleavedMatrix(packed).map(Linear.Weight.interleaved) ?? .packed(packed), bias: bias)
    if let inputs = group.inputActivations, inputs.clipping == .layer {
      layer.activation = try activation(inputs, of: path, group)
    }
    return layer
  }

  public func inputStage(of group: LinearGroup) throws -> InputStage {
    var stage = InputStage()
    stage.precision = activations
    guard let quantization else { return stage }
    let path = group.layers[0]
    if let stored = try transform(at: path, .input, className: "Linear", width: group.width) {
      stage.transform = stored
    }
    if let layer = quantization.group(for: path), let inputs = layer.inputActivations {
      if inputs.clipping != .layer { stage.activation = try activation(inputs, of: path, layer) }
    }
    return stage
  }

  /// How the layer at `path` rounds what it reads.
  private func activation(
    _ inputs: QuantizationArguments, of path: String, _ layer: QuantizationConfiguration.Group
  ) throws -> ActivationQuantizer {
    guard let format = inputs.activationFormat else {
      throw CheckpointError(
        checkpoint.folder,
        "the inputs of \(path) have \(inputs.bits) bits per \(inputs.strategy.rawValue), a format Walsh does not compute."
      )
    }
    return ActivationQuantizer(
      format: format,
      amax: format.isTwoLevel
        ? try PackedLinearTensors(path, in: checkpoint, group: layer).inputGlobalScale.map { 2688 / $0 } : nil,
      clip: inputs.clipping == nil ? .none : try checkpoint.clipRatio(ClippingNames.input(of: path)))
  }

  public func keyStage(of site: ModelOutline.AttentionSite) throws -> KeyStage {
    guard let quantization else { return KeyStage() }
    if let cache = quantization.keyValueCache, cache.cacheFormat == nil {
      throw CheckpointError(
        checkpoint.folder,
        "its kv_cache_scheme has \(cache.bits) bits per \(cache.strategy.rawValue), a format Walsh does not compute.")
    }
    var stage = KeyStage(cacheFormat: quantization.keyValueCache?.cacheFormat)
    stage.queryTransform = try transform(at: site.path, .queries, className: "Attention", width: site.headSize)
    stage.keyTransform = try transform(at: site.path, .cachedKeys, className: "Attention", width: site.headSize)
    if let cache = quantization.keyValueCache, cache.clipping != nil, let format = cache.cacheFormat {
      stage.keys = ActivationQuantizer(
        format: format, clip: try checkpoint.clipRatio(ClippingNames.keys(of: site.path)))
      stage.values = ActivationQuantizer(
        format: format, clip: try checkpoint.clipRatio(ClippingNames.values(of: site.path)))
    }
    return stage
  }

  /// The transform that a scheme of the configuration stores for `path`; nil when none applies there.
  private func transform(
    at path: String, _ location: TransformScheme.Location, className: String, width: Int
  ) throws -> (any LinearTransform)? {
    for scheme in quantization?.transforms ?? [] {
      let use = scheme.applications.first { $0.location == location && $0.applies(to: path, className: className) }
      if let use { return try scheme.transform(use, at: path, width: width, in: checkpoint) }
    }
    return nil
  }
}

extension LanguageModel {
  /// Reads the model in a folder, plain or quantized.
  ///
  /// - Parameters:
  ///   - checkpoint: the folder.
  ///   - activations: in what numbers activations in full precision meet four-bit and bfloat16 weights.
  /// - Throws: `CheckpointError` for a folder that is no model, misses tensors or contradicts itself.
  public init(_ checkpoint: Checkpoint, activations: ActivationPrecision = .float32) throws {
    let configuration = try checkpoint.configuration()
    let architecture = try Architecture(configuration)
    let quantization = try configuration.quantization()
    if quantization == nil { try architecture.checkParameters(of: checkpoint) }
    try self.init(
      architecture,
      weights: CheckpointWeights(
        checkpoint, architecture: architecture, quantization: quantization, activations: activations))
  }
}

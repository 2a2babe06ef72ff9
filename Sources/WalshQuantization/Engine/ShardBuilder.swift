import Foundation
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Makes the tensors of each shard of a quantized model.
struct ShardBuilder {
  let run: QuantizationRun

  private var plan: Plan { run.plan }
  private var outline: ModelOutline { run.architecture.outline }

  // MARK: Shards

  /// The embedding, rotated with the residual stream.
  func embedding() throws -> [StoredTensor] {
    let stored = try run.source.tensor(outline.embedding)
    guard let rotation = plan.residual else { return [stored] }
    return [try changed(stored) { $0.transformed(by: rotation) }]
  }

  /// The final norm and the output layer. The norm's weight is folded into the output layer when the stream is rotated,
  /// which unties it from the embedding.
  func ends() throws -> [StoredTensor] {
    guard case .norm(let normName) = outline.head.source else {
      preconditionFailure("The output layer of every architecture reads a norm.")
    }
    let norm = try run.source.tensor(normName)
    let name = outline.head.layers[0] + ".weight"
    guard let rotation = plan.residual else {
      return outline.headIsTied ? [norm] : [norm, try run.source.tensor(name)] + bias(of: outline.head.layers[0])
    }
    let gamma = try norm.tensor()
    let head = try run.source.tensor(outline.headIsTied ? outline.embedding : name)
    return [
      StoredTensor(name: normName, Tensor(shape: norm.shape, repeating: 1), as: norm.dtype.storable),
      try changed(head) { $0.scalingColumns(by: gamma).transformed(by: rotation) }.named(name),
    ] + bias(of: outline.head.layers[0])
  }

  /// The tensors of block `layer` as they are in the source.
  func read(_ layer: Int) throws -> BlockWeights {
    let names = self.names(of: layer)
    var tensors: [String: Tensor] = [:]
    for name in names { tensors[name] = try run.source.tensor(name).tensor() }
    run.source.release(names)
    return BlockWeights(tensors: tensors)
  }

  private func names(of layer: Int) -> [String] {
    run.source.names.filter { $0.hasPrefix(outline.blocks[layer].prefix) }
  }

  /// What a block became.
  struct Block {
    /// The tensors to store.
    let tensors: [StoredTensor]
    /// The error of each layer.
    let layers: [LayerReport]
    /// How its calibration went; nil without one.
    let calibration: CalibrationReport?
  }

  /// Block `layer`, calibrated and solved on the residual streams in front of it.
  ///
  /// - Parameters:
  ///   - original: the block as `read` gives it.
  ///   - streams: the calibration text, already passed through the original block.
  ///   - maxima: what that pass returned.
  ///   - progress: see `BlockCalibration.calibrate`.
  func block(
    _ layer: Int, _ original: BlockWeights, on streams: CalibrationStreams, maxima: [String: Tensor],
    progress: (_ done: Int, _ note: String) throws -> Void
  ) throws -> Block {
    let block = outline.blocks[layer]
    let names = self.names(of: layer)
    var weights = original
    var calibrated: CalibratedBlock?
    if let calibration = plan.blockCalibration, let inputs = streams.original, let targets = streams.targets {
      calibrated = try calibration.calibrate(
        CalibrationBlock(
          architecture: run.architecture, layer: layer, plan: plan, tensors: original.tensors, inputMaxima: maxima,
          sampleCount: inputs.count, input: inputs.sample, target: targets.sample), progress: progress)
    }
    let reports = try BlockSolver(architecture: run.architecture, layer: layer, plan: plan, calibrated: calibrated)
      .solve(&weights, on: streams.solving)

    var result: [StoredTensor] = []
    for name in names {
      let path = name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
      if let packed = weights.packed[path] {
        result += PackedLinearTensors(packed, inputGlobalScale: inputScales(of: weights, block)[path]).tensors(path)
      } else if weights.changed.contains(name), let tensor = weights.tensors[name] {
        result.append(StoredTensor(name: name, tensor, as: try run.source.tensor(name).dtype.storable))
      } else {
        result.append(try run.source.tensor(name))
      }
    }
    for group in block.groups {
      guard let transform = weights.online[group.id] else { continue }
      let stored = OnlineTransform(transform)
      result += group.layers.flatMap { stored.tensors(named: group.source.schemeBase, at: $0, .input) }
    }
    if let queries = weights.keys.queryTransform, let keys = weights.keys.keyTransform, let site = block.attention {
      result += OnlineTransform(queries).tensors(named: keySchemeBase, at: site.path, .queries)
      result += OnlineTransform(keys).tensors(named: keySchemeBase, at: site.path, .cachedKeys)
    }
    result += clips(of: weights, block)
    return Block(tensors: result, layers: reports, calibration: calibrated?.report)
  }

  /// What is clipped of activations and of the cache: F32 [2], the parts that remain of the smallest and the largest value.
  private func clips(of weights: BlockWeights, _ block: ModelOutline.Block) -> [StoredTensor] {
    func stored(_ name: String, _ clip: ClipRatio) -> StoredTensor {
      StoredTensor(name: name, Tensor([clip.lower, clip.upper]))
    }
    var result: [StoredTensor] = []
    for group in block.groups where plan.clips(plan[group].activations) {
      for layer in group.layers {
        guard let quantizer = weights.layerActivations[layer] ?? weights.activations[group.id] else { continue }
        result.append(stored(ClippingNames.input(of: layer), quantizer.clip))
      }
    }
    if plan.clips(plan.cache), let site = block.attention, let keys = weights.keys.keys,
      let values = weights.keys.values
    {
      result.append(stored(ClippingNames.keys(of: site.path), keys.clip))
      result.append(stored(ClippingNames.values(of: site.path), values.clip))
    }
    return result
  }

  /// The divisor 2688 / amax of each quantized layer whose activations have a tensor scale, by path.
  private func inputScales(of weights: BlockWeights, _ block: ModelOutline.Block) -> [String: Float] {
    var scales: [String: Float] = [:]
    for group in block.groups {
      // An activation that is always zero quantizes to zero with any scale.
      guard let amax = weights.activations[group.id]?.amax else { continue }
      for layer in group.layers { scales[layer] = amax > 0 ? 2688 / amax : 1 }
    }
    return scales
  }

  /// A stored tensor with other rows, in the same element type.
  ///
  /// Some rows at a time: an embedding in Float32, with its copies on the way, would be the largest thing in memory.
  private func changed(_ stored: StoredTensor, _ change: (Tensor) -> Tensor) throws -> StoredTensor {
    defer { stored.release() }
    let rows = stored.shape[0]
    let rest = Array(stored.shape.dropFirst())
    let rowBytes = rows == 0 ? 0 : stored.byteCount / rows
    let type = stored.dtype.storable
    var bytes: [UInt8] = []
    bytes.reserveCapacity(stored.count * type.byteCount)
    for start in stride(from: 0, to: rows, by: 1024) {
      let end = min(rows, start + 1024)
      let part = stored.withUnsafeBytes { Array($0[start * rowBytes..<end * rowBytes]) }
      let old = StoredTensor(name: stored.name, dtype: stored.dtype, shape: [end - start] + rest, bytes: part)
      StoredTensor(name: stored.name, change(try old.tensor()), as: type).withUnsafeBytes {
        bytes.append(contentsOf: $0)
      }
    }
    return StoredTensor(name: stored.name, dtype: type, shape: stored.shape, bytes: bytes)
  }

  private func bias(of path: String) -> [StoredTensor] { run.source[path + ".bias"].map { [$0] } ?? [] }
}

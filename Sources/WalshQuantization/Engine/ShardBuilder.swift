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
      try changed(norm) { Tensor(shape: $0.shape, repeating: 1) },
      try changed(head) { $0.scalingColumns(by: gamma).transformed(by: rotation) }.named(name),
    ] + bias(of: outline.head.layers[0])
  }

  /// The tensors of block `layer`, solved on the residual stream in front of it, and the error of each layer.
  func block(_ layer: Int, on hidden: HiddenStates) throws -> ([StoredTensor], [LayerReport]) {
    let block = outline.blocks[layer]
    let names = run.source.names.filter { $0.hasPrefix(block.prefix) }
    var tensors: [String: Tensor] = [:]
    for name in names { tensors[name] = try run.source.tensor(name).tensor() }
    run.source.release(names)
    var weights = BlockWeights(tensors: tensors)
    let reports = try BlockSolver(architecture: run.architecture, layer: layer, plan: plan)
      .solve(&weights, on: hidden)

    var result: [StoredTensor] = []
    for name in names {
      let path = name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
      if let packed = weights.packed[path] {
        result += PackedLinearTensors.stored(packed, path: path)
      } else if weights.changed.contains(name), let tensor = weights.tensors[name] {
        result.append(StoredTensor(name: name, tensor, as: try run.source.tensor(name).dtype.storable))
      } else {
        result.append(try run.source.tensor(name))
      }
    }
    for group in block.groups {
      if let amax = weights.activations[group.id]?.amax {
        result += group.layers.map { PackedLinearTensors.inputScale(amax: amax, path: $0) }
      }
      if let transform = weights.online[group.id] {
        result += try group.layers.map { try OnlineTransform(transform).stored(named: Self.inputScheme, at: $0, .input) }
      }
    }
    if let keys = weights.keys.transform, let site = block.attention {
      let online = try OnlineTransform(keys)
      result += try [TransformScheme.Location.queries, .cachedKeys].map {
        try online.stored(named: Self.keyScheme, at: site.path, $0)
      }
    }
    return (result, reports)
  }

  /// A stored tensor with other values, in the same element type.
  private func changed(_ stored: StoredTensor, _ change: (Tensor) -> Tensor) throws -> StoredTensor {
    defer { stored.release() }
    return StoredTensor(name: stored.name, change(try stored.tensor()), as: stored.dtype.storable)
  }

  private func bias(of path: String) -> [StoredTensor] { run.source[path + ".bias"].map { [$0] } ?? [] }

  // MARK: Configuration

  private static let inputScheme = "R4"
  private static let keyScheme = "R3"

  /// The `config.json` of the result.
  func configuration() -> ModelConfiguration {
    let unties = outline.headIsTied && plan.residual != nil
    return run.configuration.with(quantization: quantization, tiesEmbeddings: unties ? false : nil)
  }

  /// What the result's `quantization_config` says; nil when nothing is quantized and nothing is online.
  var quantization: QuantizationConfiguration? {
    var order: [FormatPair] = []
    var layers: [FormatPair: [String]] = [:]
    var ignored = outline.head.layers
    for group in outline.blocks.flatMap(\.groups) {
      guard let weights = plan[group].weights else {
        ignored += group.layers
        continue
      }
      let pair = FormatPair(weights: weights, activations: plan[group].activations)
      if layers[pair] == nil { order.append(pair) }
      layers[pair, default: []] += group.layers
    }
    let transforms = transformSchemes
    if order.isEmpty && transforms.isEmpty && plan.cache == nil { return nil }
    return QuantizationConfiguration(
      groups: order.enumerated().map { index, pair in
        QuantizationConfiguration.Group(
          name: "group_\(index)",
          targets: order.count == 1
            ? [ModulePattern(exactly: "Linear")] : (layers[pair] ?? []).map { ModulePattern(exactly: $0) },
          weights: pair.weights, activations: pair.activations)
      },
      ignore: ignored.map { ModulePattern(exactly: $0) }, transforms: transforms,
      keyValueCache: plan.cache.map { QuantizationArguments(cache: $0) })
  }

  private struct FormatPair: Hashable {
    let weights: NumericFormat
    let activations: NumericFormat?
  }

  private var transformSchemes: [TransformScheme] {
    var schemes: [TransformScheme] = []
    return schemes
  }
}

import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor

/// Makes the `config.json` of a quantized model from its plan and from what its shards hold.
struct QuantizedConfiguration {
  let run: QuantizationRun

  private var outline: ModelOutline { run.architecture.outline }

  /// The source's configuration with the `quantization_config` of the result.
  func configuration(shards: [Checkpoint]) throws -> ModelConfiguration {
    let unties = outline.headIsTied && run.plan.residual != nil
    return run.configuration.with(
      quantization: try quantization(shards: shards), tiesEmbeddings: unties ? false : nil)
  }

  /// How the layers in `shards` are quantized; nil when nothing is quantized and nothing acts at run time.
  func quantization(shards: [Checkpoint]) throws -> QuantizationConfiguration? {
    let transforms = try transformSchemes(in: shards)
    let cache = run.plan.cache.flatMap { format in
      QuantizationArguments(cache: format)?.clipped(run.plan.clips(format) ? .shared : nil)
    }
    let groups = layerGroups
    if groups.isEmpty && transforms.isEmpty && cache == nil { return nil }
    let quantized = Set(outline.blocks.flatMap(\.groups).filter { run.plan[$0].weights != nil }.flatMap(\.layers))
    let all = outline.blocks.flatMap(\.groups).flatMap(\.layers) + outline.head.layers
    return QuantizationConfiguration(
      groups: groups, ignore: all.filter { !quantized.contains($0) }.map { ModulePattern(exactly: $0) },
      transforms: transforms, keyValueCache: cache)
  }

  // MARK: Formats

  /// A weight format with an activation format: what a `config_group` has one of.
  private struct FormatPair: Hashable {
    let weights: NumericFormat
    let activations: NumericFormat?
  }

  /// One group of layers for each pair of formats, in the order of their first use.
  private var layerGroups: [QuantizationConfiguration.Group] {
    var order: [FormatPair] = []
    var layers: [FormatPair: [String]] = [:]
    for group in outline.blocks.flatMap(\.groups) {
      guard let weights = run.plan[group].weights else { continue }
      let pair = FormatPair(weights: weights, activations: run.plan[group].activations)
      if layers[pair] == nil { order.append(pair) }
      layers[pair, default: []] += group.layers
    }
    return order.enumerated().compactMap { index, pair in
      guard let layout = LinearLayout(pair.weights) else { return nil }
      let targets = order.count == 1 ? ["Linear"] : layers[pair] ?? []
      return QuantizationConfiguration.Group(
        name: "group_\(index)", targets: targets.map { ModulePattern(exactly: $0) }, format: layout.format,
        weights: layout.arguments,
        inputActivations: pair.activations.flatMap { format in
          QuantizationArguments(activations: format)?.clipped(
            run.plan.clips(format) ? run.plan.clipsPerLayer ? .layer : .shared : nil)
        })
    }
  }

  // MARK: Transforms

  /// The schemes of the transforms that the shards store, in the order of their first use.
  private func transformSchemes(in shards: [Checkpoint]) throws -> [TransformScheme] {
    var schemes: [StoredScheme] = []
    for (shard, block) in shardsOfBlocks(shards) {
      for group in block.groups {
        for layer in group.layers {
          try collect(group.source.schemeBase, at: layer, .input, in: shard, into: &schemes)
        }
      }
      if let site = block.attention {
        try collect(keySchemeBase, at: site.path, .cachedKeys, in: shard, into: &schemes)
      }
    }
    return schemes.map(\.scheme)
  }

  /// Blocks with the shard that holds them; a single shard is asked for the blocks it has.
  private func shardsOfBlocks(_ shards: [Checkpoint]) -> [(Checkpoint, ModelOutline.Block)] {
    shards.flatMap { shard in
      outline.blocks.filter { block in shard.names.contains { $0.hasPrefix(block.prefix) } }.map { (shard, $0) }
    }
  }

  private func collect(
    _ base: String, at path: String, _ location: TransformScheme.Location, in shard: Checkpoint,
    into schemes: inout [StoredScheme]
  ) throws {
    guard let form = try OnlineTransform.Form(named: base, at: path, location, in: shard) else { return }
    let name = form.schemeName(base)
    if let index = schemes.firstIndex(where: { $0.name == name }) {
      schemes[index].paths.append(path)
    } else {
      schemes.append(StoredScheme(name: name, form: form, actsOnKeys: location == .cachedKeys, paths: [path]))
    }
  }

  /// A scheme and the modules that use it.
  private struct StoredScheme {
    let name: String
    let form: OnlineTransform.Form
    let actsOnKeys: Bool
    var paths: [String]

    /// Activations are mapped at run time; the inverse is in the weights already. Keys and queries are mapped alike.
    var scheme: TransformScheme {
      let targets = paths.map { ModulePattern(exactly: $0) }
      let uses: [TransformScheme.Application] =
        actsOnKeys
        ? [.init(targets: targets, location: .queries), .init(targets: targets, location: .cachedKeys)]
        : [
          .init(targets: targets, location: .input),
          .init(targets: targets, location: .weightInput, isInverse: true),
        ]
      return TransformScheme(
        name: name, kind: form.kind, blockSize: form.blockSize, parts: form.parts, applications: uses)
    }
  }
}

/// The name of transforms of queries and keys.
let keySchemeBase = "R3"

extension LinearGroup.Source {
  /// The name of a transform at this place, as QuaRot and SpinQuant number them, and MambaQuant those of Mamba.
  var schemeBase: String {
    switch self {
    case .norm: "R1"
    case .valueHeads: "R2"
    case .gatedProduct: "R4"
    case .gatedScan: "R2"
    case .projection: "R5"
    case .convolution: "R6"
    }
  }
}

/// The `quantization_config` of a checkpoint in compressed-tensors form: which layers are quantized, and how.
///
/// Source: compressed-tensors 0.20, `quant_config.py`.
public struct QuantizationConfiguration: Equatable, Sendable {
  /// Layers that are quantized alike.
  public struct Group: Equatable, Sendable {
    /// The key in `config_groups`.
    public let name: String
    /// The layers it applies to.
    public let targets: [ModulePattern]
    /// The layout of their weights.
    public let format: CompressionFormat
    /// How their weights are quantized.
    public let weights: QuantizationArguments
    /// How their inputs are quantized; nil when they are not.
    public let inputActivations: QuantizationArguments?

    /// A group; `weights` must be possible for `format`.
    public init(
      name: String, targets: [ModulePattern], format: CompressionFormat, weights: QuantizationArguments,
      inputActivations: QuantizationArguments? = nil
    ) {
      if let objection = format.objection(to: weights) { preconditionFailure("\(objection.key) \(objection.cause).") }
      self.name = name
      self.targets = targets
      self.format = format
      self.weights = weights
      self.inputActivations = inputActivations
    }

    /// The group of a preset.
    public init(
      name: String = "group_0", _ preset: QuantizationPreset,
      targets: [ModulePattern] = [ModulePattern(exactly: "Linear")]
    ) {
      self.init(
        name: name, targets: targets, format: preset.format, weights: preset.weights,
        inputActivations: preset.inputActivations)
    }
  }

  /// The version of compressed-tensors whose form is written.
  public static let version = "0.20.0"

  /// The groups in order; the first that names a layer most particularly applies to it.
  public let groups: [Group]
  /// The layers that stay as they are although a group names them.
  public let ignore: [ModulePattern]
  /// Rotations in or around the layers.
  public let transforms: [TransformScheme]
  /// How the key and value cache is quantized; nil when it is not.
  public let keyValueCache: QuantizationArguments?

  /// A configuration. It may have no group of layers when it only names transforms or a cache format.
  public init(
    groups: [Group], ignore: [ModulePattern], transforms: [TransformScheme] = [],
    keyValueCache: QuantizationArguments? = nil
  ) {
    self.groups = groups
    self.ignore = ignore
    self.transforms = transforms
    self.keyValueCache = keyValueCache
  }

  /// The group that the module at `path` belongs to; nil when the module is not quantized.
  ///
  /// An exact path wins over an expression, an expression over a class, and an earlier group over a later one.
  public func group(for path: String, className: String = "Linear") -> Group? {
    guard !ignore.contains(where: { $0.matches(path, className: className) }) else { return nil }
    var best: (match: ModulePattern.Match, group: Group)?
    for group in groups {
      let matches = group.targets.compactMap { $0.match(path, className: className) }
      guard let match = matches.min() else { continue }
      if best.map({ match < $0.match }) ?? true { best = (match, group) }
    }
    return best?.group
  }

  /// The `format` of the whole: that of all groups, or `mixed-precision`.
  public var format: String {
    let formats = Set(groups.map(\.format))
    return formats.isEmpty ? "dense" : formats.count == 1 ? groups[0].format.rawValue : "mixed-precision"
  }
}

// MARK: JSON

extension QuantizationConfiguration {
  init(_ fields: ConfigurationFields) throws(CheckpointError) {
    let method = try fields.text("quant_method") ?? "compressed-tensors"
    guard method == "compressed-tensors" else {
      throw fields.error("quant_method", "is \"\(method)\"; only compressed-tensors is supported")
    }
    let status = try fields.text("quantization_status") ?? "compressed"
    guard status == "compressed" else {
      throw fields.error("quantization_status", "is \"\(status)\"; only compressed checkpoints can be read")
    }
    if let sparsity = try fields.nested("sparsity_config")?.text("format"), sparsity != "dense" {
      throw fields.error("sparsity_config", "has the format \"\(sparsity)\"; sparse weights are not supported")
    }
    let format = try fields.text("format")
    transforms = try TransformScheme.all(fields.nested("transform_config"))
    keyValueCache =
      if let scheme = try fields.nested("kv_cache_scheme") { try QuantizationArguments(scheme) } else { nil }
    var read: [Group] = []
    if let groups = try fields.nested("config_groups") {
      for name in groups.object.keys { read.append(try Group(name, groups, format: format)) }
    }
    if read.isEmpty && transforms.isEmpty && keyValueCache == nil {
      throw fields.error("config_groups", "is missing or empty")
    }
    self.groups = read
    ignore = try fields.patterns("ignore") ?? []
  }

  /// The object as compressed-tensors 0.20 writes it.
  public var json: JSON {
    let groups = groups.map { ($0.name, $0.json) }
    let transforms = transforms.map { ($0.name, $0.json) }
    return [
      "quant_method": "compressed-tensors", "version": .string(Self.version), "format": .string(format),
      "quantization_status": "compressed", "global_compression_ratio": nil,
      "kv_cache_scheme": keyValueCache?.json ?? .null, "ignore": JSON(ignore), "sparsity_config": [:],
      "transform_config": transforms.isEmpty ? [:] : ["config_groups": .object(JSONObject(transforms))],
      "config_groups": .object(JSONObject(groups)),
    ]
  }
}

extension QuantizationConfiguration.Group {
  fileprivate init(
    _ name: String, _ groups: ConfigurationFields, format: String?
  ) throws(CheckpointError) {
    // A group may be a preset's name with the list of its targets.
    if let preset = QuantizationPreset(rawValue: name), groups.value(name)?.arrayValue != nil {
      self.init(name: name, preset, targets: try groups.patterns(name) ?? [])
      return
    }
    guard let fields = try groups.nested(name) else { throw groups.error(name, "is null; it must be an object") }
    guard let targets = try fields.patterns("targets"), !targets.isEmpty else {
      throw fields.error("targets", "is missing or empty")
    }
    guard let formatName = try fields.text("format") ?? format else { throw fields.error("format", "is missing") }
    guard let format = CompressionFormat(rawValue: formatName) else {
      let known = CompressionFormat.allCases.map(\.rawValue).joined(separator: ", ")
      throw fields.error("format", "is \"\(formatName)\"; supported are \(known)")
    }
    guard let weightFields = try fields.nested("weights") else { throw fields.error("weights", "is missing") }
    let weights = try QuantizationArguments(weightFields)
    if let objection = format.objection(to: weights) { throw weightFields.error(objection.key, objection.cause) }
    guard fields.value("output_activations") == nil else {
      throw fields.error("output_activations", "is not supported; it must be null")
    }
    let inputFields = try fields.nested("input_activations")
    let inputs: QuantizationArguments? =
      if let inputFields { try QuantizationArguments(inputFields) } else { nil }
    if let inputs, let inputFields, let objection = Self.objection(toInputs: inputs) {
      throw inputFields.error(objection.key, objection.cause)
    }
    self.init(name: name, targets: targets, format: format, weights: weights, inputActivations: inputs)
  }

  /// Why inputs cannot be quantized by `arguments`; nil when they can.
  private static func objection(toInputs arguments: QuantizationArguments) -> (key: String, cause: String)? {
    guard arguments.isSymmetric else { return ("symmetric", "is false; zero points are not supported") }
    guard arguments.activationFormat != nil else {
      return (
        "strategy",
        "is \(arguments.strategy.rawValue) with \(arguments.bits) bits; supported are NVFP4 (dynamic local), MXFP4 and "
          + "integers per token (both dynamic)"
      )
    }
    return nil
  }

  fileprivate var json: JSON {
    [
      "targets": JSON(targets), "format": .string(format.rawValue), "output_activations": nil,
      "weights": weights.json, "input_activations": inputActivations?.json ?? .null,
    ]
  }
}

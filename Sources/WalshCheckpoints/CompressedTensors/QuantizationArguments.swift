/// How one kind of tensor is quantized: the `weights`, `input_activations` or `kv_cache_scheme` object of
/// compressed-tensors.
public struct QuantizationArguments: Equatable, Sendable {
  /// What the codes are.
  public enum Kind: String, Sendable, CaseIterable {
    /// Integers.
    case integer = "int"
    /// Small floats.
    case float
  }

  /// What shares a scale.
  public enum Strategy: String, Sendable, CaseIterable {
    /// The whole tensor.
    case tensor
    /// A row of a weight.
    case channel
    /// `groupSize` neighbours in a row.
    case group
    /// A group, with one more scale for the whole tensor (NVFP4).
    case tensorGroup = "tensor_group"
    /// A token's activations.
    case token
    /// An attention head.
    case head = "attn_head"
  }

  /// When scales are computed.
  public enum Dynamics: Equatable, Sendable {
    /// They are stored in the checkpoint.
    case stored
    /// At run time, from each input.
    case dynamic
    /// The scale of the tensor is stored, those of the groups are computed at run time.
    case local

    var json: JSON {
      switch self {
      case .stored: false
      case .dynamic: true
      case .local: "local"
      }
    }
  }

  /// Who shares what is clipped of a tensor's extremes before they set its scales. compressed-tensors knows no such
  /// thing, and refuses the key `clip`: a reader that rounded without clipping would compute other numbers.
  public enum Clipping: String, Sendable, CaseIterable {
    /// All layers that read the activation; for the cache, all heads.
    case shared
    /// Nobody: each layer clips its input in its own way.
    case layer
  }

  /// Bits per code.
  public let bits: Int
  /// What the codes are.
  public let kind: Kind
  /// What shares a scale.
  public let strategy: Strategy
  /// Elements per group; nil unless the strategy is by groups.
  public let groupSize: Int?
  /// Whether zero is the middle of the range, so that there are no zero points.
  public let isSymmetric: Bool
  /// When scales are computed.
  public let dynamics: Dynamics
  /// How scales are stored, such as `torch.float8_e4m3fn`; nil for the model's own type.
  public let scaleType: String?
  /// How calibration chose the scales; only recorded.
  public let observer: String?
  /// Whether stored ratios (`ClippingNames`) say what is clipped; nil when nothing is.
  public let clipping: Clipping?

  /// Arguments as given. A group size must be positive, and is given exactly when the strategy is by groups.
  public init(
    bits: Int, kind: Kind, strategy: Strategy, groupSize: Int? = nil, isSymmetric: Bool = true,
    dynamics: Dynamics = .stored, scaleType: String? = nil, observer: String? = nil, clipping: Clipping? = nil
  ) {
    precondition((1...16).contains(bits), "\(bits) bits are not between 1 and 16.")
    precondition(
      (groupSize != nil) == (strategy == .group || strategy == .tensorGroup) && (groupSize ?? 1) > 0,
      "The group size \(groupSize.map(String.init) ?? "nil") does not fit the strategy \(strategy.rawValue).")
    self.bits = bits
    self.kind = kind
    self.strategy = strategy
    self.groupSize = groupSize
    self.isSymmetric = isSymmetric
    self.dynamics = dynamics
    self.scaleType = scaleType
    self.observer = observer
    self.clipping = clipping
  }

  init(_ fields: ConfigurationFields) throws(CheckpointError) {
    bits = try fields.integer("num_bits", in: 1...16) ?? 8
    kind = try fields.choice("type", of: ["int": .integer, "float": .float]) ?? .integer
    let group = try fields.integer("group_size", in: -1...1_000_000).flatMap { $0 == -1 ? nil : $0 }
    let strategies: KeyValuePairs<String, Strategy> = [
      "tensor": .tensor, "channel": .channel, "group": .group, "tensor_group": .tensorGroup, "token": .token,
      "attn_head": .head,
    ]
    // The library derives a missing strategy from the group size: -1 says channel, nothing says tensor.
    let fallback: Strategy = group != nil ? .group : fields.value("group_size") != nil ? .channel : .tensor
    strategy = try fields.choice("strategy", of: strategies) ?? fallback
    let isGrouped = strategy == .group || strategy == .tensorGroup
    if isGrouped {
      guard let group, group > 0 else {
        throw fields.error("group_size", "must be a positive number for the strategy \(strategy.rawValue)")
      }
      groupSize = group
    } else {
      groupSize = nil
    }
    isSymmetric = try fields.flag("symmetric") ?? true
    if fields.value("dynamic")?.stringValue == "local" {
      dynamics = .local
    } else {
      dynamics = try fields.flag("dynamic") ?? false ? .dynamic : .stored
    }
    scaleType = try fields.text("scale_dtype")
    observer = try fields.text("observer")
    clipping = try fields.choice("clip", of: ["shared": .shared, "layer": .layer])
  }

  /// The same arguments with learned clips.
  public func clipped(_ clipping: Clipping?) -> QuantizationArguments {
    QuantizationArguments(
      bits: bits, kind: kind, strategy: strategy, groupSize: groupSize, isSymmetric: isSymmetric, dynamics: dynamics,
      scaleType: scaleType, observer: observer, clipping: clipping)
  }

  /// The object as compressed-tensors writes it.
  var json: JSON {
    var object: JSONObject = [
      "num_bits": .number(JSONNumber(bits)), "type": .string(kind.rawValue), "strategy": .string(strategy.rawValue),
      "group_size": groupSize.map { .number(JSONNumber($0)) } ?? .null, "symmetric": .bool(isSymmetric),
      "dynamic": dynamics.json,
    ]
    if let observer { object["observer"] = .string(observer) }
    if let clipping { object["clip"] = .string(clipping.rawValue) }
    if let scaleType { object["scale_dtype"] = .string(scaleType) }
    return .object(object)
  }
}

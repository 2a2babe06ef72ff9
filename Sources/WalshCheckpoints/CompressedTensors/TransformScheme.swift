/// A linear map of weights or activations in a compressed-tensors checkpoint: an entry of `transform_config`.
///
/// For a layer y = x Wᵀ: on the input side x → x V and W → W V⁻ᵀ; on the output side y → y U and W → Uᵀ W.
///
/// Source: compressed-tensors 0.20, `transform_scheme.py` and `transform_args.py`.
public struct TransformScheme: Equatable, Sendable {
  /// The kinds of matrices.
  public enum Kind: String, Sendable, CaseIterable {
    /// Sylvester's Hadamard matrices; the order is a power of two.
    case hadamard
    /// Hadamard matrices with random signs.
    case randomHadamard = "random-hadamard"
    /// Any invertible matrix, taken as stored, without a factor.
    case randomMatrix = "random-matrix"
    /// Steps one after another, given by `parts`. Walsh's own: compressed-tensors has no name for it, and its readers
    /// refuse both the type and the key.
    case sequence = "walsh-sequence"
  }

  /// Where a map acts.
  public enum Location: String, Sendable, CaseIterable {
    /// The input of the layer, at run time.
    case input
    /// The input side of the weight; folded.
    case weightInput = "weight_input"
    /// The output side of the weight; folded.
    case weightOutput = "weight_output"
    /// The output of the layer, at run time.
    case output
    /// The queries, at run time.
    case queries = "q_attn"
    /// The cached keys, at run time.
    case cachedKeys = "k_cache"

    /// Whether it acts at run time, so that a reader must apply it; the others are folded into the stored weight.
    public var isOnline: Bool { self != .weightInput && self != .weightOutput }
  }

  /// A use of the map.
  public struct Application: Equatable, Sendable {
    /// The modules.
    public let targets: [ModulePattern]
    /// Where on them.
    public let location: Location
    /// Whether the inverse acts instead.
    public let isInverse: Bool
    /// The modules to leave out.
    public let ignore: [ModulePattern]

    /// A use of the map on `targets`.
    public init(
      targets: [ModulePattern], location: Location, isInverse: Bool = false, ignore: [ModulePattern] = []
    ) {
      self.targets = targets
      self.location = location
      self.isInverse = isInverse
      self.ignore = ignore
    }

    /// Whether it concerns the module at `path`.
    public func applies(to path: String, className: String = "Linear") -> Bool {
      targets.contains { $0.matches(path, className: className) }
        && !ignore.contains { $0.matches(path, className: className) }
    }
  }

  /// The key in `config_groups`, such as `R4`.
  public let name: String
  /// The kind of matrix.
  public let kind: Kind
  /// The order of the blocks on the diagonal; nil for one block of the full width.
  public let blockSize: Int?
  /// The steps of a `sequence` in the order in which they act; empty for all other kinds.
  public let parts: [Part]
  /// Whether every matrix is permuted at random.
  public let isRandomized: Bool
  /// The precision in which it acts at run time.
  public let precision: String
  /// Its uses.
  public let applications: [Application]

  /// A scheme; `parts` belong to a `sequence` and to nothing else.
  public init(
    name: String, kind: Kind, blockSize: Int? = nil, parts: [Part] = [], isRandomized: Bool = false,
    precision: String = "torch.float32", applications: [Application]
  ) {
    precondition((kind == .sequence) == !parts.isEmpty, "A sequence has parts, and only a sequence has.")
    self.name = name
    self.kind = kind
    self.blockSize = blockSize
    self.parts = parts
    self.isRandomized = isRandomized
    self.precision = precision
    self.applications = applications
  }

  /// The uses that a reader must apply at run time.
  public var onlineApplications: [Application] { applications.filter(\.location.isOnline) }

  /// The name of the matrix that an online use stores for the module at `path`: `<path>.<name>_<location>.weight`.
  ///
  /// It is F32 `[n, n]`. Hadamard matrices are stored with entries ±1 and act with the factor 1/√n.
  public func tensorName(_ path: String, _ location: Location) -> String {
    "\(path).\(name)_\(location.rawValue).weight"
  }

  /// The name of the permutation that a randomized online use of a Hadamard matrix stores beside the matrix.
  public func permutationName(_ path: String, _ location: Location) -> String {
    "\(path).\(name)_\(location.rawValue).perm"
  }
}

// MARK: JSON

extension TransformScheme {
  /// The schemes of a `transform_config`, which may be absent or empty.
  static func all(_ fields: ConfigurationFields?) throws(CheckpointError) -> [TransformScheme] {
    guard let groups = try fields?.nested("config_groups") else { return [] }
    var schemes: [TransformScheme] = []
    for name in groups.object.keys {
      guard let fields = try groups.nested(name) else { throw groups.error(name, "is null; it must be an object") }
      schemes.append(try TransformScheme(name, fields))
    }
    return schemes
  }

  private init(_ name: String, _ fields: ConfigurationFields) throws(CheckpointError) {
    self.name = name
    let kinds: KeyValuePairs<String, Kind> = [
      "hadamard": .hadamard, "random-hadamard": .randomHadamard, "random-matrix": .randomMatrix,
      "walsh-sequence": .sequence,
    ]
    guard let kind = try fields.choice("type", of: kinds) else { throw fields.error("type", "is missing") }
    self.kind = kind
    blockSize = try fields.integer("head_dim", in: 1...1_000_000)
    isRandomized = try fields.flag("randomize") ?? false
    precision = try fields.text("precision") ?? "torch.float32"
    if let blockSize, kind == .hadamard, blockSize & (blockSize - 1) != 0 {
      throw fields.error("head_dim", "is \(blockSize); a matrix of type hadamard has a power of two as its order")
    }
    var parts: [Part] = []
    for name in try fields.texts("parts") ?? [] {
      guard let part = Part(rawValue: name) else {
        let known = Part.allCases.map(\.rawValue).joined(separator: ", ")
        throw fields.error("parts", "holds \"\(name)\"; supported are \(known)")
      }
      parts.append(part)
    }
    guard (kind == .sequence) == !parts.isEmpty, kind != .sequence || !isRandomized && blockSize == nil else {
      throw fields.error("parts", "must list the steps of a walsh-sequence, which has neither head_dim nor randomize")
    }
    self.parts = parts
    var applications: [Application] = []
    for (index, value) in (try fields.list("apply") ?? []).enumerated() {
      applications.append(try Application(fields.nested(value, named: "apply[\(index)]")))
    }
    self.applications = applications
  }

  /// The object as compressed-tensors writes it.
  var json: JSON {
    var members: [(String, JSON)] = [
      ("type", .string(kind.rawValue)), ("head_dim", blockSize.map { .number(JSONNumber($0)) } ?? .null),
      ("randomize", .bool(isRandomized)), ("requires_grad", false), ("precision", .string(precision)),
    ]
    if !parts.isEmpty { members.append(("parts", .array(parts.map { .string($0.rawValue) }))) }
    return .object(JSONObject(members + [("apply", .array(applications.map(\.json)))]))
  }
}

extension TransformScheme.Application {
  fileprivate init(_ fields: ConfigurationFields) throws(CheckpointError) {
    guard let targets = try fields.patterns("targets"), !targets.isEmpty else {
      throw fields.error("targets", "is missing or empty")
    }
    let locations: KeyValuePairs<String, TransformScheme.Location> = [
      "input": .input, "weight_input": .weightInput, "weight_output": .weightOutput, "output": .output,
      "q_attn": .queries, "k_cache": .cachedKeys,
    ]
    guard let location = try fields.choice("location", of: locations) else {
      throw fields.error("location", "is missing")
    }
    self.targets = targets
    self.location = location
    isInverse = try fields.flag("inverse") ?? false
    ignore = try fields.patterns("ignore") ?? []
  }

  fileprivate var json: JSON {
    [
      "targets": JSON(targets), "location": .string(location.rawValue), "inverse": .bool(isInverse),
      "ignore": JSON(ignore),
    ]
  }
}

import Foundation
import Yams

/// A recipe file: a request as YAML.
///
///     method: rotation          # rtn, gptq, smoothquant, rotation, quarot, spinquant, flatquant, duquant++, duquant,
///                               # mr-gptq, auto
///     to: NVFP4                 # a preset, or int4, int4/64
///     rotation: hadamard
///     online-rotations: true
///     spinquant: { steps: 100, learning-rate: 1.5, batch: 8, sequence-length: 2048 }
///     auto:                     # what method auto may spend: bits a weight, tokens to judge on
///       budget: 4.5
///       tokens: 1024
///     solver: gptq
///     smoothing: 0.5
///     duquant++: { block: 32 }  # settings of a method: DuQuantPlusPlusSettings, DuQuantSettings, MRGPTQSettings
///     samples: 128
///     context: 2048
///     seed: 0
///     except: [lm_head]
///     flatquant: { epochs: 15, batch-size: 4 }        # see FlatQuantSettings
///     groups:                   # by role, or by group such as layers.0.mlp.output
///       mlp.output: { weights: INT8/row, activations: full, transform: none, solver: rtn }
///
/// Only `to` is required; the method is `rtn` unless the recipe says another. Reading is strict: a key that is not above, a
/// key given twice, a value of another type, and anchors are errors.
extension QuantizationRequest {
  /// Reads the recipe file `url`.
  ///
  /// - Throws: `QuantizationError` naming file and key.
  public init(recipe url: URL) throws(QuantizationError) {
    let path = url.path(percentEncoded: false)
    guard let bytes = try? Data(contentsOf: url) else {
      throw QuantizationError(path, "the recipe cannot be read; check its name and permissions.")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw QuantizationError(path, "the recipe is not UTF-8 text.")
    }
    try self.init(recipe: text, named: path)
  }

  /// Reads a recipe.
  ///
  /// - Parameters:
  ///   - text: YAML.
  ///   - name: what errors call it.
  /// - Throws: `QuantizationError` naming `name` and the key.
  public init(recipe text: String, named name: String) throws(QuantizationError) {
    let root = try RecipeNode(parsing: text, named: name)
    let keys = [
      "method", "to", "rotation", "online-rotations", "spinquant", "flatquant", "auto", "solver", "smoothing",
      "samples", "context", "seed", "except", "groups", DuQuantPlusPlusSettings.key, DuQuantSettings.key,
      MRGPTQSettings.key,
    ]
    let members = try root.members(keys)
    guard let to = members["to"] else {
      throw QuantizationError(name, "the recipe does not say what to quantize to; add a line such as to: MXFP4.")
    }
    let presets = Preset.all.map(\.name) + ["int2 … int8, int4/128"]
    self.init(method: .rtn, preset: try to.named(presets) { Preset(named: $0) })
    try members["method"].map { node throws(QuantizationError) in method = try node.choice() }
    try members["rotation"].map { node throws(QuantizationError) in rotation = try node.choice() }
    try members["online-rotations"].map { node throws(QuantizationError) in usesOnlineRotations = try node.flag() }
    try members["spinquant"].map { node throws(QuantizationError) in spinQuant = try SpinQuantSettings(node) }
    try members["auto"].map { node throws(QuantizationError) in auto = try AutoSettings(node) }
    try members["solver"].map { node throws(QuantizationError) in solver = try node.choice() as Solver }
    try members["smoothing"].map { node throws(QuantizationError) in smoothing = try node.number(in: 0...1) }
    try members["flatquant"].map { node throws(QuantizationError) in flatQuant = try FlatQuantSettings(node) }
    try members["samples"].map { node throws(QuantizationError) in samples = try node.integer(in: 1...1 << 32) }
    try members["context"].map { node throws(QuantizationError) in context = try node.integer(in: 2...1 << 32) }
    try members["seed"].map { node throws(QuantizationError) in seed = UInt64(try node.integer(in: 0...Int.max)) }
    try members[DuQuantPlusPlusSettings.key].map { node throws(QuantizationError) in
      duQuantPlusPlus = try DuQuantPlusPlusSettings(node)
    }
    try members[DuQuantSettings.key].map { node throws(QuantizationError) in duQuant = try DuQuantSettings(node) }
    try members[MRGPTQSettings.key].map { node throws(QuantizationError) in mrGPTQ = try MRGPTQSettings(node) }
    for pattern in try members["except"]?.elements() ?? [] { exceptions.append(try pattern.text()) }
    for (key, group) in try members["groups"]?.members() ?? [:] { overrides[key] = try GroupOverride(group) }
  }

  /// The request as a recipe that reads back as this request, if its preset is one that has a name.
  public var recipe: String {
    var lines = ["method: \(method.rawValue)", "to: \(preset.name)", "rotation: \(rotation.rawValue)"]
    lines.append("online-rotations: \(usesOnlineRotations)")
    if method == .spinquant || spinQuant != SpinQuantSettings() { lines.append("spinquant: \(spinQuant.recipe)") }
    if method == .auto || auto != AutoSettings() { lines.append("auto: \(auto.recipe)") }
    if let solver { lines.append("solver: \(solver.rawValue)") }
    lines += ["smoothing: \(smoothing)", "samples: \(samples)", "context: \(context)", "seed: \(seed)"]
    if flatQuant != FlatQuantSettings() { lines += ["flatquant:"] + flatQuant.recipeLines.map { "  " + $0 } }
    lines += [duQuantPlusPlus.recipeLine, duQuant.recipeLine, mrGPTQ.recipeLine].compactMap(\.self)
    func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
    if !exceptions.isEmpty { lines.append("except: [\(exceptions.map(quoted).joined(separator: ", "))]") }
    if !overrides.isEmpty { lines.append("groups:") }
    for (key, override) in overrides.sorted(by: { $0.key < $1.key }) {
      let members = override.description.split(separator: ", ").map { $0.replacing(" ", with: ": ") }
      lines.append("  \(quoted(key)): { \(members.joined(separator: ", ")) }")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension SpinQuantSettings {
  fileprivate init(_ node: RecipeNode) throws(QuantizationError) {
    self.init()
    let members = try node.members(["steps", "learning-rate", "batch", "sequence-length"])
    try members["steps"].map { node throws(QuantizationError) in steps = try node.integer(in: 1...1 << 20) }
    try members["learning-rate"].map { node throws(QuantizationError) in
      learningRate = try node.number(in: 1e-9...1e9)
    }
    try members["batch"].map { node throws(QuantizationError) in batch = try node.integer(in: 1...1 << 16) }
    try members["sequence-length"].map { node throws(QuantizationError) in
      sequenceLength = try node.integer(in: 2...1 << 20)
    }
  }

  fileprivate var recipe: String {
    "{ steps: \(steps), learning-rate: \(learningRate), batch: \(batch), sequence-length: \(sequenceLength) }"
  }
}

extension AutoSettings {
  fileprivate init(_ node: RecipeNode) throws(QuantizationError) {
    self.init()
    let members = try node.members(["budget", "tokens"])
    try members["budget"].map { node throws(QuantizationError) in budget = try node.number(in: 0...64) }
    try members["tokens"].map { node throws(QuantizationError) in tokens = try node.integer(in: 2...1 << 32) }
  }

  fileprivate var recipe: String { "{ \(budget.map { "budget: \($0), " } ?? "")tokens: \(tokens) }" }
}

extension GroupOverride {
  fileprivate init(_ node: RecipeNode) throws(QuantizationError) {
    self.init()
    let members = try node.members(["weights", "activations", "transform", "solver"])
    let formats = ["full", "MXFP4", "NVFP4-CT", "INT4/128", "INT8/row"]
    try members["weights"].map { node throws(QuantizationError) in
      weights = try node.named(formats) { Precision(name: $0) }
    }
    try members["activations"].map { node throws(QuantizationError) in
      activations = try node.named(formats) { Precision(name: $0) }
    }
    try members["transform"].map { node throws(QuantizationError) in
      transform = try node.named(Transform.names) { Transform(name: $0) }
    }
    try members["solver"].map { node throws(QuantizationError) in
      solver = try node.choice() as QuantizationRequest.Solver
    }
  }
}

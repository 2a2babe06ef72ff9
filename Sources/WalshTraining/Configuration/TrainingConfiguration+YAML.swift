import Foundation
import WalshTensor

/// A training run as YAML. Every key has a default but `text`:
///
///     model: { layers: 4, width: 256, heads: 4, key-heads: 4, head-size: 64, intermediate: 704, vocabulary: 512,
///              tie: true, rope-theta: 10000 }
///     # or { architecture: mamba, layers: 4, width: 256, states: 16, expand: 2, taps: 4, step-rank: 16, … }
///     text: [stories.json]
///     tokenizer: path/to/model      # else a vocabulary is trained on the text
///     recipe: fp32
///     steps: 1000
///     batch: 8
///     accumulation: 1
///     context: 256
///     learning-rate: 0.001
///     warm-up: 50
///     schedule: cosine              # constant, linear, cosine, wsd
///     final-share: 0.1
///     decay-share: 0.2
///     weight-decay: 0.1
///     beta1: 0.9
///     beta2: 0.95
///     epsilon: 1e-08
///     groups:                       # other settings by the ends of names
///       - { endings: [norm.weight, .bias, embed_tokens.weight], weight-decay: 0, learning-rate-factor: 1 }
///     clip: 1
///     seed: 0
///     validation: { share: 0.05, interval: 100 }     # or text: FILE instead of share
///     checkpoint-interval: 100
///     log-interval: 10
///     gradient-checkpointing: false
///
/// Reading is strict: a key that is not above, a key given twice and a value of another kind are errors.
extension TrainingConfiguration {
  /// Reads the file `url`.
  ///
  /// - Throws: `TrainingError` naming file and key.
  public init(contentsOf url: URL) throws {
    guard let bytes = try? [UInt8](Data(contentsOf: url)), let text = String(validating: bytes, as: UTF8.self) else {
      throw TrainingError(url, "the configuration cannot be read as UTF-8 text; check its name and permissions.")
    }
    try self.init(yaml: text, named: url.path(percentEncoded: false))
  }

  /// Reads a configuration.
  ///
  /// - Parameters:
  ///   - yaml: the text.
  ///   - name: what errors call it.
  public init(yaml: String, named name: String) throws {
    self.init()
    let root = try ConfigurationNode(parsing: yaml, named: name)
    try root.read(
      into: &self,
      [
        "model": { try $0.model.read($1) },
        "text": { $0.text = try $1.texts() },
        "tokenizer": { $0.tokenizer = try $1.text() },
        "recipe": { $0.recipe = try $1.text() },
        "steps": { $0.steps = try $1.integer() },
        "batch": { $0.batch = try $1.integer() },
        "accumulation": { $0.accumulation = try $1.integer() },
        "context": { $0.context = try $1.integer() },
        "learning-rate": { $0.learningRate = try $1.number() },
        "warm-up": { $0.warmUp = try $1.integer() },
        "schedule": { $0.schedule = try $1.choice() },
        "final-share": { $0.finalShare = try $1.number() },
        "decay-share": { $0.decayShare = try $1.number() },
        "weight-decay": { $0.optimizer.weightDecay = try $1.number() },
        "beta1": { $0.optimizer.beta1 = try $1.number() },
        "beta2": { $0.optimizer.beta2 = try $1.number() },
        "epsilon": { $0.optimizer.epsilon = try $1.number() },
        "groups": { $0.groups = try $1.elements().map(ParameterGroup.init) },
        "clip": { $0.clip = try $1.number() },
        "seed": { $0.seed = UInt64(try $1.integer()) },
        "validation": { try $0.readValidation($1) },
        "checkpoint-interval": { $0.checkpointInterval = try $1.integer() },
        "log-interval": { $0.logInterval = try $1.integer() },
        "gradient-checkpointing": { $0.gradientCheckpointing = try $1.flag() },
      ])
  }

  private mutating func readValidation(_ node: ConfigurationNode) throws {
    var given = (text: String?.none, share: Double?.none, interval: validationInterval)
    try node.read(
      into: &given,
      [
        "text": { $0.text = try $1.text() }, "share": { $0.share = try $1.number() },
        "interval": { $0.interval = try $1.integer() },
      ])
    validationInterval = given.interval
    switch (given.text, given.share) {
    case (let file?, nil): validation = .text(file)
    case (nil, let share?): validation = .share(share)
    default: throw node.error("give one of text and share.")
    }
  }

  /// All settings by their keys, in the order of the file.
  public var settings: [(key: String, value: String)] {
    func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
    func list(_ texts: [String]) -> String { "[" + texts.map(quoted).joined(separator: ", ") + "]" }
    var settings = [("model", "{ \(model.settings) }"), ("text", list(text))]
    if let warmUp { settings.append(("warm-up", "\(warmUp)")) }
    if let tokenizer { settings.append(("tokenizer", quoted(tokenizer))) }
    settings += [
      ("recipe", quoted(recipe)), ("steps", "\(steps)"), ("batch", "\(batch)"), ("accumulation", "\(accumulation)"),
      ("context", "\(context)"), ("learning-rate", "\(learningRate)"),
      ("schedule", schedule.rawValue), ("final-share", "\(finalShare)"), ("decay-share", "\(decayShare)"),
      ("weight-decay", "\(optimizer.weightDecay)"), ("beta1", "\(optimizer.beta1)"), ("beta2", "\(optimizer.beta2)"),
      ("epsilon", "\(optimizer.epsilon)"),
      ("groups", "[" + groups.map { "{ \($0.settings(list)) }" }.joined(separator: ", ") + "]"), ("clip", "\(clip)"),
      ("seed", "\(seed)"),
    ]
    switch validation {
    case .text(let file):
      settings.append(("validation", "{ text: \(quoted(file)), interval: \(validationInterval) }"))
    case .share(let share): settings.append(("validation", "{ share: \(share), interval: \(validationInterval) }"))
    case nil: break
    }
    settings += [
      ("checkpoint-interval", "\(checkpointInterval)"), ("log-interval", "\(logInterval)"),
      ("gradient-checkpointing", "\(gradientCheckpointing)"),
    ]
    return settings
  }

  /// The configuration as YAML that reads back as this one.
  public var yaml: String { settings.map { "\($0.key): \($0.value)\n" }.joined() }
}

extension ModelDimensions {
  fileprivate mutating func read(_ node: ConfigurationNode) throws {
    try node.read(
      into: &self,
      [
        "layers": { $0.layers = try $1.integer() },
        "width": { $0.width = try $1.integer() },
        "heads": { $0.heads = try $1.integer() },
        "key-heads": { $0.keyHeads = try $1.integer() },
        "head-size": { $0.headSize = try $1.integer() },
        "intermediate": { $0.intermediate = try $1.integer() },
        "vocabulary": { $0.vocabulary = try $1.integer() },
        "tie": { $0.tie = try $1.flag() },
        "rope-theta": { $0.ropeTheta = try $1.number() },
        "architecture": { $0.architecture = try $1.choice() },
        "states": { $0.states = try $1.integer() },
        "expand": { $0.expand = try $1.integer() },
        "taps": { $0.taps = try $1.integer() },
        "step-rank": { $0.stepRank = try $1.integer() },
      ])
  }

  fileprivate var settings: String {
    let optional = [
      ("heads", heads), ("key-heads", keyHeads), ("head-size", headSize), ("intermediate", intermediate),
      ("states", states), ("expand", expand), ("taps", taps), ("step-rank", stepRank),
    ]
    let isLlama = architecture == .llama
    return
      ((isLlama ? [] : ["architecture: \(architecture.rawValue)"]) + ["layers: \(layers)", "width: \(width)"]
      + optional.compactMap { key, value in value.map { "\(key): \($0)" } }
      + ["vocabulary: \(vocabulary)", "tie: \(tie)"] + (isLlama ? ["rope-theta: \(ropeTheta)"] : []))
      .joined(separator: ", ")
  }
}

extension ParameterGroup {
  fileprivate init(_ node: ConfigurationNode) throws {
    self.init(endings: [])
    try node.read(
      into: &self,
      [
        "endings": { $0.endings = try $1.texts() },
        "weight-decay": { $0.weightDecay = try $1.number() },
        "learning-rate-factor": { $0.learningRateFactor = try $1.number() },
      ])
  }

  fileprivate func settings(_ list: ([String]) -> String) -> String {
    (["endings: \(list(endings))"] + (weightDecay.map { ["weight-decay: \($0)"] } ?? [])
      + ["learning-rate-factor: \(learningRateFactor)"]).joined(separator: ", ")
  }
}

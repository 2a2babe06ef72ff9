import Foundation

/// A training run as YAML. Every key has a default but `text`:
///
///     model: { layers: 4, width: 256, heads: 4, key-heads: 4, head-size: 64, intermediate: 704, vocabulary: 512,
///              tie: true, rope-theta: 10000 }
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
  public init(contentsOf url: URL) throws(TrainingError) {
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
  public init(yaml: String, named name: String) throws(TrainingError) {
    self.init()
    let root = try ConfigurationNode(parsing: yaml, named: name)
    try root.read([
      "model": { node throws(TrainingError) in try model.read(node) },
      "text": { node throws(TrainingError) in text = try node.texts() },
      "tokenizer": { node throws(TrainingError) in tokenizer = try node.text() },
      "recipe": { node throws(TrainingError) in recipe = try node.text() },
      "steps": { node throws(TrainingError) in steps = try node.integer() },
      "batch": { node throws(TrainingError) in batch = try node.integer() },
      "accumulation": { node throws(TrainingError) in accumulation = try node.integer() },
      "context": { node throws(TrainingError) in context = try node.integer() },
      "learning-rate": { node throws(TrainingError) in learningRate = try node.number() },
      "warm-up": { node throws(TrainingError) in warmUp = try node.integer() },
      "schedule": { node throws(TrainingError) in schedule = try node.choice() },
      "final-share": { node throws(TrainingError) in finalShare = try node.number() },
      "decay-share": { node throws(TrainingError) in decayShare = try node.number() },
      "weight-decay": { node throws(TrainingError) in optimizer.weightDecay = try node.number() },
      "beta1": { node throws(TrainingError) in optimizer.beta1 = try node.number() },
      "beta2": { node throws(TrainingError) in optimizer.beta2 = try node.number() },
      "epsilon": { node throws(TrainingError) in optimizer.epsilon = try node.number() },
      "groups": { node throws(TrainingError) in
        groups = try node.elements().map { element throws(TrainingError) in try ParameterGroup(element) }
      },
      "clip": { node throws(TrainingError) in clip = try node.number() },
      "seed": { node throws(TrainingError) in seed = UInt64(try node.integer()) },
      "validation": { node throws(TrainingError) in try readValidation(node) },
      "checkpoint-interval": { node throws(TrainingError) in checkpointInterval = try node.integer() },
      "log-interval": { node throws(TrainingError) in logInterval = try node.integer() },
      "gradient-checkpointing": { node throws(TrainingError) in gradientCheckpointing = try node.flag() },
    ])
  }

  private mutating func readValidation(_ node: ConfigurationNode) throws(TrainingError) {
    var file: String?
    var share: Double?
    try node.read([
      "text": { node throws(TrainingError) in file = try node.text() },
      "share": { node throws(TrainingError) in share = try node.number() },
      "interval": { node throws(TrainingError) in validationInterval = try node.integer() },
    ])
    switch (file, share) {
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
    if let tokenizer { settings.append(("tokenizer", quoted(tokenizer))) }
    settings += [
      ("recipe", quoted(recipe)), ("steps", "\(steps)"), ("batch", "\(batch)"), ("accumulation", "\(accumulation)"),
      ("context", "\(context)"), ("learning-rate", "\(learningRate)"), ("warm-up", "\(rates.warmUp)"),
      ("schedule", schedule.rawValue), ("final-share", "\(finalShare)"), ("decay-share", "\(decayShare)"),
      ("weight-decay", "\(optimizer.weightDecay)"), ("beta1", "\(optimizer.beta1)"), ("beta2", "\(optimizer.beta2)"),
      ("epsilon", "\(optimizer.epsilon)"),
      ("groups", "[" + groups.map { "{ \($0.settings(list)) }" }.joined(separator: ", ") + "]"), ("clip", "\(clip)"),
      ("seed", "\(seed)"),
    ]
    switch validation {
    case .text(let file): settings.append(("validation", "{ text: \(quoted(file)), interval: \(validationInterval) }"))
    case .share(let share): settings.append(("validation", "{ share: \(share), interval: \(validationInterval) }"))
    case nil: break
    }
    settings += [
      ("checkpoint-interval", "\(checkpointInterval)"), ("log-interval", "\(logInterval)"),
      ("gradient-checkpointing", "\(gradientCheckpointing)"),
    ]
    return settings
  }

  /// The configuration as YAML that reads back as this one, with the warm-up spelled out.
  public var yaml: String { settings.map { "\($0.key): \($0.value)\n" }.joined() }
}

extension ModelDimensions {
  fileprivate mutating func read(_ node: ConfigurationNode) throws(TrainingError) {
    try node.read([
      "layers": { node throws(TrainingError) in layers = try node.integer() },
      "width": { node throws(TrainingError) in width = try node.integer() },
      "heads": { node throws(TrainingError) in heads = try node.integer() },
      "key-heads": { node throws(TrainingError) in keyHeads = try node.integer() },
      "head-size": { node throws(TrainingError) in headSize = try node.integer() },
      "intermediate": { node throws(TrainingError) in intermediate = try node.integer() },
      "vocabulary": { node throws(TrainingError) in vocabulary = try node.integer() },
      "tie": { node throws(TrainingError) in tie = try node.flag() },
      "rope-theta": { node throws(TrainingError) in ropeTheta = try node.number() },
    ])
  }

  fileprivate var settings: String {
    let optional = [("heads", heads), ("key-heads", keyHeads), ("head-size", headSize), ("intermediate", intermediate)]
    return
      (["layers: \(layers)", "width: \(width)"]
      + optional.compactMap { key, value in value.map { "\(key): \($0)" } }
      + ["vocabulary: \(vocabulary)", "tie: \(tie)", "rope-theta: \(ropeTheta)"]).joined(separator: ", ")
  }
}

extension ParameterGroup {
  fileprivate init(_ node: ConfigurationNode) throws(TrainingError) {
    self.init(endings: [])
    try node.read([
      "endings": { node throws(TrainingError) in endings = try node.texts() },
      "weight-decay": { node throws(TrainingError) in weightDecay = try node.number() },
      "learning-rate-factor": { node throws(TrainingError) in learningRateFactor = try node.number() },
    ])
  }

  fileprivate func settings(_ list: ([String]) -> String) -> String {
    (["endings: \(list(endings))"] + (weightDecay.map { ["weight-decay: \($0)"] } ?? [])
      + ["learning-rate-factor: \(learningRateFactor)"]).joined(separator: ", ")
  }
}

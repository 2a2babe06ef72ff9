import WalshTensor

/// Parameters that share settings of the optimiser, chosen by the ends of their names.
public struct ParameterGroup: Sendable, Hashable {
  /// Name endings, such as `embed_tokens.weight` or `norm.weight`; a parameter belongs to the group if one fits.
  public var endings: [String]
  /// The weight decay; nil for that of the run.
  public var weightDecay: Double?
  /// The factor on the learning rate.
  public var learningRateFactor: Double

  public init(endings: [String], weightDecay: Double? = nil, learningRateFactor: Double = 1) {
    self.endings = endings
    self.weightDecay = weightDecay
    self.learningRateFactor = learningRateFactor
  }

  /// Norms, biases and embeddings without decay: shrinking them changes the scale of the stream, not the complexity; nor A
  /// and D of a state-space model, whose decays would all become one.
  public static let undecayed = ParameterGroup(
    endings: [
      "norm.weight", "norm_f.weight", ".bias", "embed_tokens.weight", "embeddings.weight", ".A_log", ".D",
    ], weightDecay: 0)

  /// Whether the parameter `name` belongs here.
  public func contains(_ name: String) -> Bool { endings.contains { name.hasSuffix($0) } }
}

extension AdamW.Settings {
  /// These settings as the first of `groups` that contains the parameter `name` changes them.
  public func adjusted(for name: String, by groups: [ParameterGroup]) -> AdamW.Settings {
    guard let group = groups.first(where: { $0.contains(name) }) else { return self }
    var settings = self
    if let weightDecay = group.weightDecay { settings.weightDecay = weightDecay }
    settings.learningRateFactor *= group.learningRateFactor
    return settings
  }
}

import WalshCheckpoints

/// One model of a comparison.
public struct ComparisonRow: Sendable, Hashable {
  /// What tables call it.
  public let name: String
  /// How well it predicts the text.
  public let loss: LossResult
  /// How it differs from the base; nil for the base itself.
  public let divergence: Divergence?
  /// What it occupies; nil when unknown.
  public var size: ModelSize?
  /// How fast it generates; nil when not measured.
  public var decodeTokensPerSecond: Double?

  public init(
    name: String, loss: LossResult, divergence: Divergence? = nil, size: ModelSize? = nil,
    decodeTokensPerSecond: Double? = nil
  ) {
    self.name = name
    self.loss = loss
    self.divergence = divergence
    self.size = size
    self.decodeTokensPerSecond = decodeTokensPerSecond
  }

  /// `name, loss, perplexity, tokens, protocol, klMean, kl999, top1Agreement, bitsPerWeight, bitsPerParameter, bytes,
  /// decodeTokensPerSecond`, and for candidates `lossDifference`; `…Interval` members are 95 % intervals. Unknown members
  /// are null. The base differs from itself by nothing.
  public var json: JSON {
    var members = loss.json.objectValue ?? [:]
    let figures = members
    members = ["name": .string(name)]
    for (key, value) in figures { members[key] = value }
    members["lossInterval"] = loss.mean.interval?.json
    members["klMean"] = divergence.map { JSON(finite: $0.kl.value) } ?? 0
    members["klMeanInterval"] = divergence?.kl.interval?.json
    members["kl999"] = divergence.map { JSON(finite: $0.kl999) } ?? 0
    members["top1Agreement"] = divergence.map { JSON(finite: $0.top1Agreement.value) } ?? 1
    members["top1AgreementInterval"] = divergence?.top1Agreement.interval?.json
    members["lossDifference"] = divergence.map { JSON(finite: $0.lossDifference.value) } ?? 0
    members["lossDifferenceInterval"] = divergence?.lossDifference.interval?.json
    members["bitsPerWeight"] = size.map { JSON(finite: $0.bitsPerWeight) } ?? .null
    members["bitsPerParameter"] = size.map { JSON(finite: $0.bitsPerParameter) } ?? .null
    members["bytes"] = size.map { .number(JSONNumber($0.folderBytes)) } ?? .null
    members["decodeTokensPerSecond"] = decodeTokensPerSecond.map(JSON.init(finite:)) ?? .null
    return .object(members)
  }
}

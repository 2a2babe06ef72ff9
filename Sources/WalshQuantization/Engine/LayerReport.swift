import WalshCheckpoints

/// How well one layer's weight survived.
public struct LayerReport: Sendable, Equatable {
  /// The module path.
  public let path: String
  /// The role of its group, such as `mlp.output`.
  public let role: String
  /// The format's name.
  public let format: String
  /// ‖W − Ŵ‖² / ‖W‖², behind all transforms; 0 for a weight of zeros.
  public let weightError: Double
  /// tr(Δ·H·Δᵀ) / tr(W·H·Wᵀ) with Δ = W − Ŵ and H the second moment of the layer's inputs; nil when no solver asked
  /// for H, or the layer's output is always zero.
  public let outputError: Double?

  public init(path: String, role: String, format: String, weightError: Double, outputError: Double?) {
    self.path = path
    self.role = role
    self.format = format
    self.weightError = weightError
    self.outputError = outputError
  }
}

extension LayerReport {
  /// `path, role, format, weightError, outputError`; an unknown error is null.
  public var json: JSON {
    [
      "path": .string(path), "role": .string(role), "format": .string(format),
      "weightError": .number(JSONNumber(weightError)),
      "outputError": outputError.map { .number(JSONNumber($0)) } ?? .null,
    ]
  }

  /// Reads what `json` gives; nil when it is none of this kind.
  public init?(json: JSON) {
    guard let path = json["path"]?.stringValue, let role = json["role"]?.stringValue,
      let format = json["format"]?.stringValue, let weightError = json["weightError"]?.doubleValue
    else { return nil }
    self.init(
      path: path, role: role, format: format, weightError: weightError, outputError: json["outputError"]?.doubleValue)
  }
}

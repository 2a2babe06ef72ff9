import WalshCheckpoints
import WalshQuantization

extension ChannelStudy {
  /// All that was measured; `magnitudes` in the order of the channels:
  ///
  ///     {"windows", "tokens", "format",
  ///      "groups": [{"id", "role", "treatments": [{"name", "outputError", "activation": {"magnitudes": […], "peak",
  ///                  "variation", "kurtosis"}, "weights": {…}, "layers": [{"path", "weightError", "outputError"}]}]}]}
  ///
  /// What is no number is null.
  public var json: JSON {
    [
      "windows": .number(JSONNumber(windows)), "tokens": .number(JSONNumber(tokens)),
      "format": format.map { .string($0.name) } ?? .null,
      "groups": .array(
        groups.map { group in
          [
            "id": .string(group.group.id), "role": .string(group.group.role),
            "treatments": .array(group.treatments.map(json)),
          ]
        }),
    ]
  }

  private func json(_ treatment: Treatment) -> JSON {
    [
      "name": .string(treatment.name), "outputError": number(treatment.outputError),
      "activation": json(treatment.activation), "weights": json(treatment.weights),
      "layers": .array(
        treatment.layers.map { layer in
          [
            "path": .string(layer.path), "weightError": layer.weightError.map(number) ?? .null,
            "outputError": number(layer.outputError),
          ]
        }),
    ]
  }

  private func json(_ profile: ChannelProfile) -> JSON {
    [
      "magnitudes": .array(profile.magnitudes.map(number)), "peak": number(profile.peak),
      "variation": number(profile.variation), "kurtosis": number(profile.kurtosis),
    ]
  }

  private func number(_ value: Double) -> JSON { value.isFinite ? .number(JSONNumber(value)) : .null }
}

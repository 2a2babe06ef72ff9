import Foundation
import WalshCheckpoints

extension AutoEvidence {
  /// `{"budget", "trials": [{"name", "divergence", "bits", "chosen"}], "groups": [{"id", "options": [{"transform", "weights",
  /// "solver", "loss", "bits", "chosen"}]}]}`.
  public var json: JSON {
    func number(_ value: Double) -> JSON { value.isFinite ? .number(JSONNumber(value)) : .null }
    return [
      "budget": budget.map(number) ?? .null,
      "trials": .array(
        trials.map {
          [
            "name": .string($0.name), "divergence": number($0.divergence), "bits": number($0.bits),
            "chosen": .bool($0.isChosen),
          ]
        }),
      "groups": .array(
        groups.map { group in
          [
            "id": .string(group.id),
            "options": .array(
              group.options.map {
                [
                  "transform": .string($0.transform), "weights": .string($0.weights), "solver": .string($0.solver),
                  "loss": number($0.loss), "bits": number($0.bits), "chosen": .bool($0.isChosen),
                ]
              }),
          ]
        }),
    ]
  }

  /// Reads what `json` wrote; nil when it is something else. A figure that was no number is infinite.
  public init?(_ json: JSON) {
    guard let trials = json["trials"]?.arrayValue, let groups = json["groups"]?.arrayValue else { return nil }
    func flag(_ json: JSON?) -> Bool { json == .bool(true) }
    self.init(
      budget: json["budget"]?.doubleValue,
      groups: groups.map { group in
        Group(
          id: group["id"]?.stringValue ?? "",
          options: (group["options"]?.arrayValue ?? []).map { option in
            Option(
              transform: option["transform"]?.stringValue ?? "", weights: option["weights"]?.stringValue ?? "",
              solver: option["solver"]?.stringValue ?? "", loss: option["loss"]?.doubleValue ?? .infinity,
              bits: option["bits"]?.doubleValue ?? .infinity, isChosen: flag(option["chosen"]))
          })
      },
      trials: trials.map { trial in
        Trial(
          name: trial["name"]?.stringValue ?? "", divergence: trial["divergence"]?.doubleValue ?? .infinity,
          bits: trial["bits"]?.doubleValue ?? .infinity, isChosen: flag(trial["chosen"]))
      })
  }

  /// What `auto` left in the folder of a model that it made; nil when there is nothing.
  public init?(inFolder folder: URL) {
    guard let bytes = try? [UInt8](Data(contentsOf: folder.appending(path: Self.fileName))),
      let json = try? JSON(parsing: bytes)
    else { return nil }
    self.init(json)
  }
}

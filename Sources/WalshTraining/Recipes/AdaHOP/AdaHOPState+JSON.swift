import WalshCheckpoints

/// The file of the official implementation: `aggregated_patterns` with x, w and grad_output of each layer, and
/// `per_layer_modes` with forward_y, backward_gx and backward_gw. While calibrating there is `calibration` instead, with
/// the steps that have ended and every vote, so that a resumed run continues where it was.
extension AdaHOPState {
  public func save() -> JSON {
    let values = snapshot
    guard let modes = values.modes else {
      let votes = Self.object(values.votes) { votes in
        .object([
          "x": Self.list(votes.x), "w": Self.list(votes.w), "grad_output": Self.list(votes.gradient),
        ])
      }
      return .object([
        "calibration": .object(["ended_steps": .number(JSONNumber(values.endedSteps)), "votes": votes])
      ])
    }
    return .object([
      "aggregated_patterns": Self.object(values.patterns) { patterns in
        .object([
          "x": .string(patterns.x.rawValue), "w": .string(patterns.w.rawValue),
          "grad_output": .string(patterns.gradient.rawValue),
        ])
      },
      "per_layer_modes": Self.object(modes) { modes in
        .object([
          "forward_y": .string(modes.forward.rawValue), "backward_gx": .string(modes.inputGradient.rawValue),
          "backward_gw": .string(modes.weightGradient.rawValue),
        ])
      },
    ])
  }

  /// Continues a calibration, or takes modes over and skips it: a layer that is missing is not rotated.
  ///
  /// Besides what `save()` writes, the bare dictionary of modes is read.
  public func restore(_ json: JSON) throws(RecipeError) {
    var values = Values()
    if let calibration = json["calibration"] {
      guard let ended = calibration["ended_steps"]?.intValue, let votes = calibration["votes"]?.objectValue else {
        throw invalid("“calibration” has no “ended_steps” or “votes”")
      }
      values.endedSteps = ended
      for (path, layer) in votes.members {
        values.votes[path] = Votes(
          x: try patterns(layer["x"], path), w: try patterns(layer["w"], path),
          gradient: try patterns(layer["grad_output"], path))
      }
    } else {
      guard let modes = (json["per_layer_modes"] ?? json).objectValue else { throw invalid("it holds no modes") }
      var restored: [String: LayerModes] = [:]
      for (path, layer) in modes.members {
        restored[path] = LayerModes(
          forward: try mode(layer["forward_y"], path), inputGradient: try mode(layer["backward_gx"], path),
          weightGradient: try mode(layer["backward_gw"], path))
      }
      values.modes = restored
      for (path, layer) in json["aggregated_patterns"]?.objectValue?.members ?? [] {
        values.patterns[path] = LayerPatterns(
          x: try pattern(layer["x"], path), w: try pattern(layer["w"], path),
          gradient: try pattern(layer["grad_output"], path))
      }
    }
    replace(by: values)
  }

  private func invalid(_ cause: String) -> RecipeError { .invalidState(recipe: recipe, cause: cause) }

  private func mode(_ json: JSON?, _ path: String) throws(RecipeError) -> ProductMode {
    guard let name = json?.stringValue else { throw invalid("the modes of \(path) are incomplete") }
    guard let mode = ProductMode(rawValue: name) else { throw invalid("\(path) has the unknown mode “\(name)”") }
    return mode
  }

  private func pattern(_ json: JSON?, _ path: String) throws(RecipeError) -> OutlierPattern {
    guard let name = json?.stringValue else { throw invalid("the patterns of \(path) are incomplete") }
    if name == "column" { return .column }
    guard let pattern = OutlierPattern(rawValue: name) else {
      throw invalid("\(path) has the unknown pattern “\(name)”")
    }
    return pattern
  }

  private func patterns(_ json: JSON?, _ path: String) throws(RecipeError) -> [OutlierPattern] {
    guard let list = json?.arrayValue else { throw invalid("the votes of \(path) are incomplete") }
    var result: [OutlierPattern] = []
    for vote in list { result.append(try pattern(vote, path)) }
    return result
  }

  private static func list(_ patterns: [OutlierPattern]) -> JSON { .array(patterns.map { .string($0.rawValue) }) }

  private static func object<T>(_ layers: [String: T], _ json: (T) -> JSON) -> JSON {
    .object(JSONObject(layers.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) }))
  }
}

import WalshCheckpoints
import WalshTraining

extension PatternStudy {
  /// All that was measured, patterns, products and modes by their names in AdaHOP's files:
  ///
  ///     {"windows", "tokens", "threshold", "extraction": {"count", "share"}, "formats": […],
  ///      "kinds": [{"kind", "layers", "x": {"row", "col", "none"}, "w", "grad_output"}],
  ///      "pairs": [{"product", "pair", "layers", "lv1", "lv2", "errors": {format: {mode: error}}, "best": {format: mode}}],
  ///      "layers": [{"path", "kind", "x", "w", "grad_output", "observations": {"x": […], …}, "products": […]}]}
  ///
  /// An error that is not a number is null.
  public var json: JSON {
    [
      "windows": number(windows), "tokens": number(tokens), "threshold": number(settings.detector.threshold),
      "extraction": ["count": number(settings.extractionCount), "share": number(settings.extractionShare)],
      "formats": .array(settings.formats.map { .string($0.name) }),
      "kinds": .array(kinds.map { json(kind: $0) }),
      "pairs": .array(
        groups.map { group in
          product(
            group.slot, group.pair, errors: group.errors, leading: ["layers": number(group.layers)])
        }),
      "layers": .array(layers.map { json(layer: $0) }),
    ]
  }

  private func json(kind: String) -> JSON {
    var members: JSONObject = ["kind": .string(kind), "layers": number(layers.count { $0.kind == kind })]
    for (name, tensor) in Self.names {
      let shares = shares(of: tensor, kind: kind)
      members[name] = .object(
        JSONObject(OutlierPattern.allCases.map { ($0.rawValue, number(shares[$0] ?? 0)) }))
    }
    return .object(members)
  }

  private func json(layer: Layer) -> JSON {
    let patterns = layer.patterns
    var members: JSONObject = ["path": .string(layer.path), "kind": .string(layer.kind)]
    for (name, tensor) in Self.names { members[name] = .string(patterns[keyPath: tensor].rawValue) }
    members["observations"] = .object(
      JSONObject(
        Self.names.map { name, tensor in
          (name, .array(layer.observations.map { .string($0[keyPath: tensor].rawValue) }))
        }))
    members["products"] = .array(
      ProductSlot.allCases.map { product($0, patterns.pair(in: $0), errors: layer.errors[$0] ?? [], leading: [:]) })
    return .object(members)
  }

  private func product(
    _ slot: ProductSlot, _ pair: PatternTable.Pair, errors: [ModeErrors], leading: JSONObject
  ) -> JSON {
    var members: JSONObject = ["product": .string(slot.rawValue), "pair": .string(pair.name)]
    for (name, value) in leading.members { members[name] = value }
    members["lv1"] = .string(PatternTable.lv1.mode(pair.left, pair.right).rawValue)
    members["lv2"] = .string(PatternTable.lv2.mode(pair.left, pair.right).rawValue)
    let named = zip(settings.formats.map(\.name), errors)
    members["errors"] = .object(
      JSONObject(
        named.map { format, errors in
          (format, .object(JSONObject(ProductMode.allCases.map { ($0.rawValue, number(errors[$0])) })))
        }))
    members["best"] = .object(
      JSONObject(named.map { ($0, $1.best.map { JSON.string($0.rawValue) } ?? .null) }))
    return .object(members)
  }

  private static let names: [(String, KeyPath<LayerPatterns, OutlierPattern> & Sendable)] = [
    ("x", \.x), ("w", \.w), ("grad_output", \.gradient),
  ]
}

private func number(_ value: Int) -> JSON { .number(JSONNumber(value)) }
private func number(_ value: Double) -> JSON { JSON(finite: value) }

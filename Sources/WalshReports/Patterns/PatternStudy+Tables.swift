import WalshTraining

extension PatternStudy {
  /// The tensors of a layer and what they are called.
  static let tensors: [(name: String, pattern: KeyPath<LayerPatterns, OutlierPattern> & Sendable)] = [
    ("X", \.x), ("W", \.w), ("E", \.gradient),
  ]

  /// The share of observations that have each pattern, by kind of layer.
  public var shareTable: Table {
    var columns = [Table.Column("layer", .leading), Table.Column("count")]
    for tensor in Self.tensors {
      columns += OutlierPattern.allCases.map { Table.Column("\(tensor.name) \($0.label)") }
    }
    return Table(
      columns: columns,
      rows: kinds.map { kind in
        var row = [Table.Cell(kind), Table.Cell("\(layers.count { $0.kind == kind })")]
        for tensor in Self.tensors {
          let shares = shares(of: tensor.pattern, kind: kind)
          row += OutlierPattern.allCases.map { pattern in
            let share = shares[pattern] ?? 0
            return Table.Cell(Figure.percent(share, 0), share == 0 ? .muted : .none)
          }
        }
        return row
      })
  }

  /// The error of the shown modes, and of those that are somewhere the best, for each product and pair of patterns; the best
  /// of all modes, and what AdaHOP's tables choose.
  public func errorTable(format: Int) -> Table {
    var columns = [Table.Column("product", .leading), Table.Column("A, B", .leading), Table.Column("layers")]
    // A mode that is nowhere the best needs no column, one that is must have it.
    let modes = ProductMode.allCases.filter { mode in
      ProductMode.shown.contains(mode) || groups.contains { $0.errors[format].best == mode }
    }
    columns += modes.map { Table.Column($0.label) }
    columns += [Table.Column("best", .leading), Table.Column("AdaHOP", .leading)]
    return Table(
      columns: columns,
      rows: groups.map { group in
        let errors = group.errors[format]
        let best = errors.best
        var row = [
          Table.Cell(group.slot.label), Table.Cell("\(group.pair.left.label), \(group.pair.right.label)"),
          Table.Cell("\(group.layers)"),
        ]
        row += modes.map { Table.Cell(Figure.significant(errors[$0], 3), $0 == best ? .best : .none) }
        row += [Table.Cell(best?.label ?? "–"), Table.Cell(Self.choice(for: group.pair, in: group.slot))]
        return row
      })
  }

  /// What Lv2 chooses for a pair, and Lv1 where it differs.
  private static func choice(for pair: PatternTable.Pair, in slot: ProductSlot) -> String {
    func mode(_ table: PatternTable) -> ProductMode {
      let mode = table.mode(pair.left, pair.right)
      return slot == .weightGradient ? mode.inWeightGradient : mode
    }
    let (first, second) = (mode(.lv1), mode(.lv2))
    return first == second ? second.label : "\(second.label) (Lv1 \(first.label))"
  }

  /// One mode for all layers, AdaHOP's tables, and the best mode of each layer: the error of each product.
  public func strategyTable(format: Int) -> Table {
    func row(_ name: String, _ emphasis: Table.Emphasis = .none, _ error: (ProductSlot) -> Double) -> [Table.Cell] {
      [Table.Cell(name)] + ProductSlot.allCases.map { Table.Cell(Figure.significant(error($0), 3), emphasis) }
    }
    var rows = ProductMode.allCases.filter { $0 != .fullPrecision }.map { mode in
      row("\(mode.label) everywhere") { errors(of: $0, format: format)[mode] }
    }
    let tables = [("AdaHOP Lv1", PatternTable.lv1), ("AdaHOP Lv2", .lv2), ("Lv1 with inner columns", .innerColumns)]
    rows += tables.map { name, table in row(name) { error(of: $0, format: format, by: table) } }
    rows.append(
      row("the best of each layer", .best) { slot in
        error(of: slot, format: format) { $0.errors[slot]?[format].best }
      })
    rows.append(row("bfloat16", .muted) { errors(of: $0, format: format)[.fullPrecision] })
    return Table(
      columns: [Table.Column("modes", .leading)] + ProductSlot.allCases.map { Table.Column($0.label) }, rows: rows)
  }

  /// Every layer's patterns, as AdaHOP decides them, and how many windows agree.
  public var layerTable: Table {
    var columns = [Table.Column("layer", .leading)]
    columns += Self.tensors.map { Table.Column($0.name, .leading) }
    columns += ProductSlot.allCases.map { Table.Column($0.label, .leading) }
    return Table(
      columns: columns,
      rows: layers.map { layer in
        let patterns = layer.patterns
        var row = [Table.Cell(layer.path)]
        row += Self.tensors.map { tensor in
          let votes = layer.observations.count { $0[keyPath: tensor.pattern] == patterns[keyPath: tensor.pattern] }
          return Table.Cell(patterns[keyPath: tensor.pattern].label, detail: "\(votes)/\(layer.observations.count)")
        }
        row += ProductSlot.allCases.map { Table.Cell(Self.choice(for: patterns.pair(in: $0), in: $0)) }
        return row
      })
  }
}

extension OutlierPattern {
  /// The pattern in words.
  var label: String {
    switch self {
    case .row: "rows"
    case .column: "columns"
    case .none: "none"
    }
  }
}

extension ProductSlot {
  /// The product in words.
  var label: String {
    switch self {
    case .forward: "forward"
    case .inputGradient: "input gradient"
    case .weightGradient: "weight gradient"
    }
  }
}

extension ProductMode {
  /// The modes that have a column or a dot of their own.
  static let shown: [ProductMode] = [
    .none, .hadamard, .outerHadamard, .extractLeft, .extractRight, .extractLeftColumns,
  ]

  /// The mode in AdaHOP's abbreviations: I and O for the axis that is rotated, HT for the transform, OE for extraction.
  var label: String {
    switch self {
    case .none: "plain"
    case .hadamard: "IHT"
    case .outerHadamard: "OHT"
    case .extractLeft: "OE left"
    case .extractRight: "OE right"
    case .extractLeftColumns: "OE left col"
    case .outerExtractLeft: "OHT OE left"
    case .outerExtractRight: "OHT OE right"
    case .fullPrecision: "bfloat16"
    }
  }
}

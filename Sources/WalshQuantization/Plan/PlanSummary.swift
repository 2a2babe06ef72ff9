import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTransforms

/// What a run is going to do, before it does anything: for `--dry-run`.
public struct PlanSummary: Sendable {
  /// The groups of one role that are treated alike.
  public struct Row: Sendable, Equatable {
    /// The role, such as `mlp.output`.
    public let role: String
    /// The blocks, such as `0–15`.
    public internal(set) var blocks: String
    /// The number of linear layers.
    public internal(set) var layerCount: Int
    /// The transform of the activation, or –.
    public let transform: String
    /// `folded`, `online`, `folded + online`, or –.
    public let placement: String
    /// How weights are chosen, or –.
    public let solver: String
    /// The weight format, or `full`.
    public let weights: String
    /// The activation format, or `full`.
    public let activations: String

    /// The cells of a table under `PlanSummary.columns`.
    public var cells: [String] {
      [role, blocks, "\(layerCount)", transform, placement, solver, weights, activations]
    }
  }

  /// The headings of the table.
  public static let columns = [
    "role", "blocks", "layers", "transform", "placement", "solver", "weights", "activations",
  ]
  /// A row for each role and each way its groups are treated, in the order of the model; the output layer last.
  public let rows: [Row]
  /// The formats.
  public let preset: String
  /// The rotation of the residual stream, folded; nil when there is none.
  public let residual: String?
  /// The rotation of queries and keys, online; nil when there is none.
  public let keys: String?
  /// The format of the cache; nil for full precision.
  public let cache: String?
  /// What is learned on the whole model before the first shard; nil for nothing.
  public let preparation: String?
  /// The bytes of all tensors in the source.
  public let bytesBefore: Int
  /// The bytes of all tensors in the result.
  public let bytesAfter: Int
  /// What the run needs.
  public let memory: MemoryEstimate
  /// Why the run needs calibration text; nil when it does not.
  public let calibrationReason: String?

  /// The summary of `plan` for the model in `source`.
  ///
  /// - Throws: `CheckpointError` when a tensor is missing.
  public init(
    _ plan: Plan, of architecture: Architecture, source: Checkpoint, samples: Int, context: Int
  ) throws(CheckpointError) {
    let outline = architecture.outline
    var rows: [(row: Row, blocks: [Int])] = []
    for (index, block) in outline.blocks.enumerated() {
      for group in block.groups {
        let row = Row(plan[group], of: group, followsResidual: plan.residual != nil)
        if let known = rows.firstIndex(where: { $0.row == row }) {
          rows[known].blocks.append(index)
        } else {
          rows.append((row, [index]))
        }
      }
    }
    self.rows =
      rows.map { entry in
        var row = entry.row
        row.blocks = Self.ranges(entry.blocks)
        row.layerCount *= entry.blocks.count
        return row
      } + [Row(GroupPlan(), of: outline.head, followsResidual: plan.residual != nil)]
    preset = plan.preset.description
    residual = plan.residual?.description
    keys = plan.learnsKeys ? "learned, undone in queries" : plan.keys?.description
    cache = plan.cache?.name
    preparation = plan.preparation?.description
    bytesBefore = source.byteCount
    bytesAfter = try plan.storedByteCount(of: outline, source: source)
    memory = try MemoryEstimate(plan, of: outline, source: source, samples: samples, context: context)
    calibrationReason = plan.calibrationReason
  }

  /// `0–3, 5` for 0, 1, 2, 3, 5.
  private static func ranges(_ numbers: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = ranges.last, last.upperBound + 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" }
      .joined(separator: ", ")
  }

  /// The table's rows, cell by cell.
  public var table: [[String]] { rows.map(\.cells) }

  /// Everything as JSON; sizes in bytes.
  public var json: JSON {
    let groups = rows.map { row in
      JSON.object(
        JSONObject(
          zip(Self.columns, row.cells).map {
            ($0, $0 == "layers" ? .number(JSONNumber(row.layerCount)) : .string($1))
          }))
    }
    func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
    return .object([
      "preset": .string(preset), "groups": .array(groups), "residual": text(residual), "keys": text(keys),
      "cache": text(cache), "preparation": text(preparation), "bytesBefore": .number(JSONNumber(bytesBefore)),
      "bytesAfter": .number(JSONNumber(bytesAfter)), "peakMemory": .number(JSONNumber(memory.peak)),
      "calibration": text(calibrationReason),
    ])
  }
}

extension PlanSummary.Row {
  fileprivate init(_ plan: GroupPlan, of group: LinearGroup, followsResidual: Bool) {
    let transform = plan.transform.shape(for: group)
    let rest = transform.map { group.source.rest(of: $0).count } ?? 0
    let parts = transform.map { ($0 as? CompositeTransform)?.parts.count ?? 1 } ?? 0
    var name = plan.transform.description
    var isFolded = parts > rest
    if case .norm = group.source, followsResidual {
      name = parts == 0 ? "residual" : "residual · \(name)"
      isFolded = true
    }
    role = group.role
    blocks = group.role == "head" ? "–" : ""
    layerCount = group.layers.count
    self.transform = name
    placement =
      [isFolded ? "folded" : nil, rest > 0 ? "online" : nil].compactMap(\.self).joined(separator: " + ")
      .nonEmpty
    solver = plan.weights == nil ? "–" : plan.solver.description
    weights = plan.weights?.name ?? "full"
    activations = plan.activations?.name ?? "full"
  }
}

extension String {
  /// The text, or – for none.
  fileprivate var nonEmpty: String { isEmpty ? "–" : self }
}

extension QuantizationRun {
  /// What the run is going to do. Touches no tensor.
  ///
  /// - Throws: `CheckpointError` when a tensor is missing.
  public func summary() throws(CheckpointError) -> PlanSummary {
    try PlanSummary(
      plan, of: architecture, source: source, samples: calibration?.samples.count ?? 0,
      context: calibration?.samples.map(\.count).max() ?? 0)
  }
}

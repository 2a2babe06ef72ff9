import WalshCheckpoints
import WalshEvaluation
import WalshQuantization

/// What is told about a quantization or a comparison: facts, the models side by side, the error of each layer, drawings.
public struct Report: Sendable {
  /// A named value, such as "Method" and "duquant++".
  public struct Fact: Sendable, Hashable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// A table under a heading, and how to read it.
  public struct Section: Sendable, Hashable {
    public let heading: String
    public let table: Table
    public let note: String

    public init(_ heading: String, _ table: Table, note: String) {
      self.heading = heading
      self.table = table
      self.note = note
    }
  }

  /// The heading.
  public var title: String
  /// What was done, in a sentence or two.
  public var summary: String
  /// What was decided: model, method, formats, text.
  public var facts: [Fact]
  /// The base model and its quantized versions; nil when nothing was evaluated.
  public var comparison: Comparison?
  /// The error of every quantized layer, in the model's order.
  public var layers: [LayerReport]
  /// Further tables.
  public var sections: [Section]
  /// Further drawings.
  public var plots: [any Plot]
  /// The command that gives this report again; nil when there is none.
  public var command: String?

  public init(
    title: String, summary: String, facts: [Fact] = [], comparison: Comparison? = nil, layers: [LayerReport] = [],
    sections: [Section] = [], plots: [any Plot] = [], command: String? = nil
  ) {
    self.title = title
    self.summary = summary
    self.facts = facts
    self.comparison = comparison
    self.layers = layers
    self.sections = sections
    self.plots = plots
    self.command = command
  }

  /// All drawings: what the comparison and the layers give, then `plots`.
  public var figures: [any Plot] {
    (comparison?.plots ?? []) + LayerReport.plots(of: layers) + plots
  }

  /// `{"title", "summary", "facts", "comparison", "protocol", "sections", "layers", "command"}`; members without a value are
  /// null.
  public var json: JSON {
    var facts = JSONObject()
    for fact in self.facts { facts[fact.name] = .string(fact.value) }
    return [
      "title": .string(title), "summary": .string(summary), "facts": .object(facts),
      "protocol": comparison.map { .string($0.scoring.description) } ?? .null,
      "comparison": comparison?.json ?? .null,
      "sections": .array(
        sections.map { section in
          [
            "heading": .string(section.heading),
            "columns": .array(section.table.columns.map { .string($0.title) }),
            "rows": .array(section.table.rows.map { .array($0.map { .string($0.line) }) }),
          ]
        }),
      "layers": .array(
        layers.map { layer in
          [
            "layer": .string(layer.path), "role": .string(layer.role), "format": .string(layer.format),
            "weightError": JSON(finite: layer.weightError),
            "outputError": layer.outputError.map(JSON.init(finite:)) ?? .null,
          ]
        }),
      "command": command.map { .string($0) } ?? .null,
    ]
  }
}

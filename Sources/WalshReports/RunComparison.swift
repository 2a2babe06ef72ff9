import Foundation
import WalshCheckpoints
import WalshTraining

/// Training runs that differ in recipe and seed alone, side by side: the held-out loss at the end of each recipe, and its
/// gap to the recipe of the base.
///
/// A gap is the mean over seeds of loss(recipe, seed) − loss(base, seed): runs of one seed share their first weights and
/// the order of their text, so that most of the spread between seeds cancels.
public struct RunComparison: Sendable {
  /// The runs of one recipe.
  public struct Group: Sendable {
    /// The recipe.
    public let recipe: String
    /// Its runs, by seed.
    public let runs: [UInt64: TrainingRecord]

    /// The held-out losses at the end.
    var losses: [Double] { runs.keys.sorted().compactMap { runs[$0]?.validationCurve.last?.loss } }
  }

  /// The recipes, in the order in which they were given.
  public let groups: [Group]
  /// The recipe that the others are measured by.
  public let base: String

  /// - Parameters:
  ///   - runs: at least one, each with held-out losses.
  ///   - base: the recipe of the base; nil for that of the first run.
  /// - Throws: `TrainingError` when runs differ in more than recipe and seed, a recipe has two runs of one seed, a run has
  ///   no held-out loss, or none has the recipe of the base.
  public init(_ runs: [TrainingRecord], base: String? = nil) throws(TrainingError) {
    guard let first = runs.first else { throw TrainingError("runs", "there is none to compare; give their folders.") }
    var order: [String] = []
    var found: [String: [UInt64: TrainingRecord]] = [:]
    for run in runs {
      let recipe = run.configuration.recipe
      if let other = first.configuration.difference(to: run.configuration) {
        throw TrainingError(
          run.folder,
          "the run differs from \(first.folder.lastPathComponent) in \(other), not in recipe and seed alone.")
      }
      if run.validationCurve.last?.step != run.configuration.steps {
        throw TrainingError(run.folder, "the run has no held-out loss at its end; finish it with --validation-share.")
      }
      if found[recipe] == nil { order.append(recipe) }
      if let same = found[recipe, default: [:]].updateValue(run, forKey: run.configuration.seed) {
        throw TrainingError(
          run.folder,
          "the run has the recipe and the seed of \(same.folder.lastPathComponent); leave one of them out.")
      }
    }
    groups = order.map { Group(recipe: $0, runs: found[$0] ?? [:]) }
    self.base = base ?? first.configuration.recipe
    let seeds = Set(found[self.base]?.keys.map(\.self) ?? [])
    if let alone = order.first(where: { seeds.isDisjoint(with: found[$0]?.keys.map(\.self) ?? []) }), !seeds.isEmpty {
      throw TrainingError(
        alone, "no run has a seed of \(self.base), to which gaps are measured; train it with one of them.")
    }
    if found[self.base] == nil {
      throw TrainingError(
        "base", "no run has the recipe “\(self.base)”; choose one of \(order.joined(separator: ", ")).")
    }
  }

  /// loss(recipe, seed) − loss(base, seed) at the end, for the seeds that both have, in their order.
  public func gaps(of recipe: String) -> [Double] { gapCurve(of: recipe).last?.gaps ?? [] }

  /// The gaps at every step at which losses were measured.
  func gapCurve(of recipe: String) -> [(step: Int, gaps: [Double])] {
    guard let own = groups.first(where: { $0.recipe == recipe }),
      let base = groups.first(where: { $0.recipe == base })
    else { return [] }
    let pairs = own.runs.keys.sorted().compactMap { seed in
      base.runs[seed].flatMap { other in own.runs[seed].map { ($0.validationCurve, other.validationCurve) } }
    }
    guard let steps = pairs.first?.0.map(\.step) else { return [] }
    return steps.indices.map { i in (steps[i], pairs.map { $0.0[i].loss - $0.1[i].loss }) }
  }

  // MARK: Telling

  /// A row for each recipe; ± is the standard deviation over seeds.
  public var table: Table {
    var table = Table(columns: [
      Table.Column("Recipe", .leading), Table.Column("Seeds"), Table.Column("Held-out loss"),
      Table.Column("Gap to \(base)"),
    ])
    for group in groups {
      let gaps = gaps(of: group.recipe)
      table.append([
        Table.Cell(group.recipe), Table.Cell("\(group.runs.count)"),
        Table.Cell(Figure.fixed(group.losses.mean ?? .nan, 4), detail: group.losses.spread(4)),
        group.recipe == base
          ? Table.Cell("–", .muted) : Table.Cell(Figure.signed(gaps.mean ?? .nan, 4), detail: gaps.spread(4)),
      ])
    }
    return table
  }

  /// The gaps and the losses by step, means over seeds.
  public var plots: [SeriesChart] {
    typealias Series = SeriesChart.Series
    let gaps = groups.filter { $0.recipe != base }.map { group in
      Series(
        group.recipe,
        gapCurve(of: group.recipe).map {
          Series.Point(x: Double($0.step), y: $0.gaps.mean ?? .nan, name: "step \($0.step)")
        }
      )
    }
    let losses = groups.map { group in
      let curves = group.runs.keys.sorted().compactMap { group.runs[$0]?.validationCurve }
      let steps = curves.first?.map(\.step) ?? []
      return Series(
        group.recipe,
        steps.indices.map { i in
          Series.Point(x: Double(steps[i]), y: curves.map { $0[i].loss }.mean ?? .nan, name: "step \(steps[i])")
        })
    }
    return [
      SeriesChart(
        title: "Gap to \(base) in held-out loss", horizontal: "step", vertical: "nats per token", series: gaps),
      SeriesChart(
        title: "Held-out loss", horizontal: "step", vertical: "nats per token", series: losses,
        verticalSpacing: .logarithmic),
    ]
  }

  /// `[{"recipe", "seeds", "losses", "gaps", "curve": [{"step", "gaps"}]}]`.
  public var json: JSON {
    func numbers(_ values: [Double]) -> JSON { .array(values.map { .number(JSONNumber($0)) }) }
    return .array(
      groups.map { group in
        [
          "recipe": .string(group.recipe),
          "seeds": .array(group.runs.keys.sorted().map { .number(JSONNumber(Double($0))) }),
          "losses": numbers(group.losses), "gaps": numbers(gaps(of: group.recipe)),
          "curve": .array(
            gapCurve(of: group.recipe).map { ["step": .number(JSONNumber($0.step)), "gaps": numbers($0.gaps)] }),
        ]
      })
  }
}

extension Report {
  /// What is told about runs that differ in recipe and seed.
  public init(_ comparison: RunComparison, command: String? = nil) {
    let runs = comparison.groups.flatMap(\.runs.values)
    var facts: [Fact] = []
    if let c = runs.first?.configuration {
      let tokens = c.steps * c.batch * c.accumulation * c.context
      facts = [
        Fact(
          "Model", "\(c.model.architecture.rawValue.capitalized) of \(c.model.layers) layers, width \(c.model.width)"),
        Fact(
          "Steps", "\(c.steps) of \(c.batch * c.accumulation) windows of \(c.context) tokens, \(tokens) tokens in all"
        ),
        Fact("Text", c.text.map { URL(filePath: $0).lastPathComponent }.joined(separator: ", ")),
      ]
    }
    self.init(
      title: "Training recipes side by side",
      summary: "The same model learnt the same text in the same order by several recipes.", facts: facts,
      sections: [
        Section(
          "Recipes", comparison.table,
          note: "A gap is held-out loss beyond that of \(comparison.base) with the same seed, in nats per token; "
            + "± is the standard deviation over seeds.")
      ], plots: comparison.plots, command: command)
  }
}

extension TrainingRecord {
  /// Where held-out loss was measured.
  fileprivate var validationCurve: [(step: Int, loss: Double)] {
    history.entries.compactMap { entry in entry.validationLoss.map { (entry.step, $0) } }
  }
}

extension TrainingConfiguration {
  /// The first setting but for recipe and seed in which `other` differs, by its name in a configuration file; nil when
  /// there is none.
  fileprivate func difference(to other: TrainingConfiguration) -> String? {
    var same = other
    (same.recipe, same.seed) = (recipe, seed)
    guard same != self else { return nil }
    let lines = zip(yaml.split(separator: "\n"), same.yaml.split(separator: "\n"))
    let key = lines.first { $0.0 != $0.1 }?.0.split(separator: ":").first
    return key.map(String.init) ?? "its settings"
  }
}

import ArgumentParser
import WalshCheckpoints
import WalshFormats
import WalshQuantization
import WalshReports

struct Formats: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the number formats and presets.",
    discussion: """
      A preset names the formats of weights, activations and cache at once, as --to takes it. Bits are per weight, scales \
      included, for rows of 4096.
      """)

  @OptionGroup var options: RunOptions

  func run() throws {
    let presets = Preset.all.filter { $0.weights != nil }
    if options.json {
      return printJSON(
        .array(
          presets.map { preset in
            [
              "name": .string(preset.name), "weights": preset.weights.map { .string($0.name) } ?? .null,
              "activations": preset.activations.map { .string($0.name) } ?? .null,
              "cache": preset.cache.map { .string($0.name) } ?? .null,
              "bitsPerWeight": preset.weights.map { .number(.init($0.bitsPerElement(columns: 4096))) } ?? .null,
            ]
          }))
    }
    var table = Table(columns: [
      Table.Column("preset", .leading), Table.Column("weights", .leading), Table.Column("bits"),
      Table.Column("activations", .leading), Table.Column("cache", .leading),
    ])
    for preset in presets {
      let cells = [
        preset.name, preset.weights?.name ?? "full", preset.weights?.bitsPerElement(columns: 4096).fixed(3) ?? "",
        preset.activations?.name ?? "full", preset.cache?.name ?? "full",
      ]
      table.append(cells.map { Table.Cell($0) })
    }
    print(TextTable(table).text(.standard))
  }
}

import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshModels
import WalshQuantization
import WalshReports

struct Outliers: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Give a model the outliers of large ones without changing what it computes.",
    discussion: """
      A test-bed for methods of quantization. A few channels of every activation grow, and the weights that read them \
      shrink. The strongest directions of the residual stream are rotated into its outlier channels, so that a rotation of \
      the stream has something to undo. The begin token gets a massive activation of its own in front of the first block's \
      down projection. The outliers are synthetic: large models learn theirs.

      Examples:
        walsh outliers model --output model-outliers
        walsh outliers model --output harder --channels 8 --scale 32 --token-scale 128
        walsh outliers model --output exact --scales-only --token-scale 1 --seed 3
      """)

  @OptionGroup var model: ModelArgument
  @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"), completion: .directory)
  var output: String
  @Option(help: ArgumentHelp("How many channels of each activation stand out.", valueName: "count"))
  var channels = SyntheticOutliers().channels
  @Option(help: ArgumentHelp("How much they grow, a power of two.", valueName: "factor"))
  var scale = SyntheticOutliers().scale
  @Flag(help: "Leave the residual stream as it is: scales only, which change no bit of the logits.")
  var scalesOnly = false
  @Option(
    help: ArgumentHelp(
      "How much the begin token's own channel grows, a power of two; 1 for none.", valueName: "factor"))
  var tokenScale = SyntheticOutliers().tokenScale
  @Option(help: ArgumentHelp("The seed of the choice of channels.", valueName: "n"))
  var seed: UInt64 = 0
  @Flag(help: "Replace the output folder.")
  var force = false
  @OptionGroup var options: RunOptions

  func run() throws {
    let bar = options.start()
    let folder = try model.open()
    let outliers = SyntheticOutliers(
      channels: channels, scale: scale, concentrates: !scalesOnly, tokenScale: tokenScale, seed: seed)
    let run = try OutlierRun(folder, outliers: outliers)
    let destination = URL(filePath: output, directoryHint: .isDirectory)
    let result = try run.write(to: destination, replacing: force, progress: bar.show)
    bar.clear()
    if options.json { return printJSON(json(result)) }
    show(result, destination)
  }

  private func show(_ result: OutlierRun.Result, _ destination: URL) {
    var table = Table(columns: [
      Table.Column("group", .leading), Table.Column("width"), Table.Column("outlier channels", .leading),
    ])
    for (group, channels) in result.groups {
      let list = channels.prefix(16).map { "\($0)" }.joined(separator: ", ") + (channels.count > 16 ? ", …" : "")
      table.append([Table.Cell(group.id), Table.Cell("\(group.width)"), Table.Cell(list.isEmpty ? "–" : list)])
    }
    print(TextTable(table).text(.standard))
    print("channels    × \(scale), and 1/\(scale) of the weights that read them")
    if let token = result.tokenChannel {
      print(
        "begin token channel \(token.channel) of \(token.group) × \(tokenScale), where it is "
          + "\(token.ratio.fixed(1)) times as large as other tokens")
    } else {
      print("begin token no outliers" + (tokenScale == 1 ? "" : ": the model names no token that begins a text"))
    }
    let difference = result.logitDifference
    print("logits      " + (difference == 0 ? "the same, bit for bit" : "\(difference) relative difference"))
    print("written to \(destination.path(percentEncoded: false))")
  }

  private func json(_ result: OutlierRun.Result) -> JSON {
    [
      "channels": .number(JSONNumber(channels)), "scale": .number(JSONNumber(scale)),
      "concentrates": .bool(!scalesOnly), "tokenScale": .number(JSONNumber(tokenScale)),
      "groups": .array(
        result.groups.map { group, channels in
          ["id": .string(group.id), "channels": .array(channels.map { .number(JSONNumber($0)) })]
        }),
      "token": result.tokenChannel.map {
        [
          "group": .string($0.group), "channel": .number(JSONNumber($0.channel)),
          "ratio": .number(JSONNumber($0.ratio)),
        ]
      } ?? .null,
      "logitDifference": .number(JSONNumber(result.logitDifference)),
    ]
  }
}

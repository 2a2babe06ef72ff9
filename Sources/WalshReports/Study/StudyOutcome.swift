import Foundation
import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization

extension Study {
  /// One request, carried out and measured.
  public struct Entry: Sendable {
    /// What was asked for.
    public let request: QuantizationRequest
    /// The quantized folder.
    public let folder: URL
    /// How it compares with the base.
    public let row: ComparisonRow
    /// The error of each layer.
    public let layers: [LayerReport]
    /// How long quantization took.
    public let seconds: Double
    /// What its online transforms cost.
    public let onlineCost: OnlineCost
  }

  /// One request that gave no model.
  public struct Failure: Sendable {
    /// What was asked for.
    public let request: QuantizationRequest
    /// Why there is none.
    public let sentence: String
  }

  /// What a study found.
  public struct Outcome: Sendable {
    /// What tables call the base.
    public let base: String
    /// The protocol of the text.
    public let scoring: ScoringProtocol
    /// The base's own figures.
    public let baseRow: ComparisonRow
    /// The requests that gave a model, in order.
    public internal(set) var entries: [Entry] = []
    /// Those that did not.
    public internal(set) var failures: [Failure] = []

    init(base: String, scoring: ScoringProtocol, baseRow: ComparisonRow) {
      self.base = base
      self.scoring = scoring
      self.baseRow = baseRow
    }

    /// The base first, then the requests in order.
    public var comparison: Comparison { Comparison(scoring: scoring, rows: [baseRow] + entries.map(\.row)) }

    /// The weight error of every layer in the model's order, a series for each request.
    ///
    /// The layers of one place in the network are comparable between requests, though their values are transformed.
    public var layerErrorPlot: SeriesChart {
      SeriesChart(
        title: "Error of each layer's weight", horizontal: "layer", vertical: "relative squared error",
        series: entries.map { entry in
          SeriesChart.Series(
            entry.row.name,
            entry.layers.enumerated().map { index, layer in
              SeriesChart.Series.Point(x: Double(index + 1), y: layer.weightError, name: layer.path)
            })
        }, verticalSpacing: .logarithmic)
    }
  }
}

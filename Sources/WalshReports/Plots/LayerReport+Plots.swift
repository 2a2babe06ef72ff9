import WalshQuantization

extension LayerReport {
  /// The number of the block that the layer belongs to, the first number in its path; nil outside the blocks.
  var block: Int? { path.split(separator: ".").lazy.compactMap { Int($0) }.first }

  /// The last part of the path, such as `down_proj`.
  var shortName: String { path.split(separator: ".").last.map(String.init) ?? path }

  /// Errors by block, a series for each kind of layer: of outputs where all are known, else of weights.
  static func plots(of layers: [LayerReport]) -> [any Plot] {
    let layers = layers.filter { $0.block != nil }
    guard Set(layers.map(\.block)).count > 1 else { return [] }
    var names: [String] = []
    for layer in layers where !names.contains(layer.shortName) { names.append(layer.shortName) }
    let ofOutputs = layers.allSatisfy { $0.outputError != nil }
    let series = names.map { name in
      SeriesChart.Series(
        name,
        layers.filter { $0.shortName == name }.map { layer in
          SeriesChart.Series.Point(
            x: Double(layer.block ?? 0), y: (ofOutputs ? layer.outputError : layer.weightError) ?? .nan,
            name: "block \(layer.block ?? 0)")
        })
    }
    return [
      SeriesChart(
        title: ofOutputs ? "Error of each layer's output" : "Error of each layer's weight", horizontal: "block",
        vertical: "relative squared error", series: series, verticalSpacing: .logarithmic)
    ]
  }
}

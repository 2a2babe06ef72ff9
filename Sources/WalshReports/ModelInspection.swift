import WalshCheckpoints
import WalshEvaluation
import WalshModels
import WalshQuantization
import WalshTensor
import WalshTraining

/// What a model is made of, for people and for machines.
public struct ModelInspection: Sendable {
  /// The shape of the distribution of one weight's values.
  public struct WeightStatistics: Sendable {
    /// The module path.
    public let path: String
    /// The shape, `[outputs, inputs]`.
    public let shape: [Int]
    /// The largest magnitude.
    public let maximum: Double
    /// The standard deviation.
    public let deviation: Double
    /// The fourth standardised moment; 3 for a normal distribution, more for heavy tails.
    public let kurtosis: Double
    /// The largest column maximum over the median column maximum: how far the worst input channel stands out.
    public let channelRatio: Double
  }

  private let folder: ModelFolder
  private let size: ModelSize
  private let quantization: QuantizationConfiguration?
  /// One entry for each linear layer, when measured.
  public let weights: [WeightStatistics]
  /// The study of outlier patterns, when there was one.
  public var patterns: PatternStudy?
  /// The study of channels, when there was one.
  public var channels: ChannelStudy?

  /// Looks at `folder`.
  ///
  /// - Parameters:
  ///   - measuringWeights: whether to read every linear weight.
  ///   - progress: called for each layer that is read.
  /// - Throws: `CheckpointError`.
  public init(_ folder: ModelFolder, measuringWeights: Bool, progress: ProgressObserver? = nil) throws {
    self.folder = folder
    quantization = try folder.configuration.quantization()
    let outline = folder.architecture.outline
    size = ModelSize(of: folder.checkpoint, outline: outline)
    var weights: [WeightStatistics] = []
    if measuringWeights {
      let source = CheckpointWeights(
        folder.checkpoint, architecture: folder.architecture, quantization: quantization)
      let layers = outline.blocks.flatMap(\.groups).flatMap(\.layers)
      for (index, layer) in layers.enumerated() {
        progress?(ProgressUpdate("weights", done: index, total: layers.count))
        weights.append(WeightStatistics(path: layer, try source.linear(layer).denseWeight))
      }
    }
    self.weights = weights
  }

  /// Names and values.
  public var facts: [(String, String)] {
    let outline = folder.architecture.outline
    var facts = [
      ("model", folder.name), ("architecture", folder.configuration.modelType),
      ("blocks", "\(outline.blocks.count)"), ("width", "\(outline.hiddenSize)"),
      ("parameters", "\(size.parameters)"), ("bytes", "\(size.folderBytes)"),
      ("bits/weight", "\((size.bitsPerWeight * 1000).rounded() / 1000)"),
      ("context", folder.architecture.contextLength.map { "\($0)" } ?? "any"),
      ("output layer", outline.headIsTied ? "the embedding" : "its own"),
    ]
    if let quantization {
      facts.append(("quantized", quantization.format))
      for scheme in quantization.transforms {
        facts.append(
          (
            "transform",
            "\(scheme.name): \(scheme.kind.rawValue) of \(scheme.blockSize.map(String.init) ?? "the width")"
          ))
      }
    }
    return facts
  }

  /// The groups of one block, and the output layer: every block has the same.
  public var groupTable: Table {
    var table = Table(columns: [
      Table.Column("group", .leading), Table.Column("layers", .leading), Table.Column("width"),
      Table.Column("reads", .leading), Table.Column("absorbs", .leading), Table.Column("weights", .leading),
    ])
    let outline = folder.architecture.outline
    for group in (outline.blocks.first?.groups ?? []) + [outline.head] {
      let layers = group.layers.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
      let format = quantization?.group(for: group.layers[0]).map {
        "\($0.weights.bits)-bit \($0.weights.kind.rawValue)"
      }
      table.append([
        Table.Cell(group.role), Table.Cell(layers.joined(separator: ", ")), Table.Cell("\(group.width)"),
        Table.Cell(group.source.name), Table.Cell(group.source.absorbs), Table.Cell(format ?? "full"),
      ])
    }
    return table
  }

  /// The statistics of every linear weight; nil when not measured.
  public var weightTable: Table? {
    if weights.isEmpty { return nil }
    var table = Table(columns: [
      Table.Column("layer", .leading), Table.Column("shape"), Table.Column("max"), Table.Column("σ"),
      Table.Column("kurtosis"), Table.Column("worst channel"),
    ])
    for weight in weights {
      table.append([
        Table.Cell(weight.path), Table.Cell("\(weight.shape[0])×\(weight.shape[1])"),
        Table.Cell(short(weight.maximum)),
        Table.Cell(short(weight.deviation)), Table.Cell(short(weight.kurtosis)),
        Table.Cell("×\(short(weight.channelRatio))"),
      ])
    }
    return table
  }

  /// `{facts…, "groups": […], "weights": […], "patterns": {…}, "channels": {…}}`; the last members are those of
  /// `PatternStudy` and `ChannelStudy`, when studied.
  public var json: JSON {
    var members = JSONObject()
    for (name, value) in facts { members[name] = .string(value) }
    members["groups"] = .array(
      folder.architecture.outline.blocks.flatMap(\.groups).map { group in
        [
          "id": .string(group.id), "width": .number(JSONNumber(group.width)), "source": .string(group.source.name),
          "layers": .array(group.layers.map { .string($0) }),
        ]
      })
    members["weights"] = .array(
      weights.map { weight in
        [
          "path": .string(weight.path), "shape": .array(weight.shape.map { .number(JSONNumber($0)) }),
          "maximum": .number(JSONNumber(weight.maximum)), "deviation": .number(JSONNumber(weight.deviation)),
          "kurtosis": .number(JSONNumber(weight.kurtosis)), "channelRatio": .number(JSONNumber(weight.channelRatio)),
        ]
      })
    members["patterns"] = patterns?.json
    members["channels"] = channels?.json
    return .object(members)
  }

  private func short(_ value: Double) -> String {
    let scale = value < 10 ? 1000.0 : 10
    return "\((value * scale).rounded() / scale)"
  }
}

extension ModelInspection.WeightStatistics {
  /// Measures `weight`, shape `[outputs, inputs]`. A constant weight has kurtosis 0.
  init(path: String, _ weight: Tensor) {
    self.path = path
    shape = weight.shape
    let mean = weight.mean
    var (second, fourth) = (0.0, 0.0)
    weight.withUnsafeBufferPointer { values in
      for value in values {
        let square = (Double(value) - mean) * (Double(value) - mean)
        second += square
        fourth += square * square
      }
    }
    let count = Double(max(1, weight.count))
    maximum = Double(weight.maxMagnitude)
    deviation = (second / count).squareRoot()
    kurtosis = second > 0 ? fourth * count / (second * second) : 0
    let channels = weight.columnMaxMagnitudes.values.sorted()
    let median = Double(channels[channels.count / 2])
    channelRatio = median > 0 ? Double(channels[channels.count - 1]) / median : 0
  }
}

extension LinearGroup.Source {
  /// What the activation is, in words.
  fileprivate var name: String {
    switch self {
    case .norm: "norm of the residual stream"
    case .valueHeads(_, let heads, let keyHeads, let headSize):
      "\(heads) heads of \(headSize), \(keyHeads) value heads"
    case .gatedProduct: "gated product"
    case .convolution: "SiLU of the convolution"
    case .projection(let producer, let rows):
      "\(rows.count) outputs of \(producer.split(separator: ".").last ?? "")"
    case .gatedScan: "gated scan"
    }
  }

  /// What the source can absorb, in words.
  fileprivate var absorbs: String {
    switch self {
    case .norm: "residual rotation, scales"
    case .valueHeads: "a map of the head, scales"
    case .gatedProduct: "scales"
    case .projection: "any invertible map"
    case .convolution, .gatedScan: "nothing"
    }
  }
}

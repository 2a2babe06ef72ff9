import WalshCheckpoints

extension ModelOutline {
  /// The groups of a Mamba-1 decoder.
  ///
  /// Convolution, A and D are no linear layers and stay as they are.
  public init(_ c: MambaConfiguration) {
    let blocks = (0..<c.layerCount).map { layer in
      let prefix = "backbone.layers.\(layer)."
      let input = prefix + "mixer.in_proj"
      let selection = prefix + "mixer.x_proj"
      let output = prefix + "mixer.out_proj"
      func group(_ role: String, _ layer: Int, _ path: String, _ width: Int, _ source: LinearGroup.Source)
        -> LinearGroup
      {
        LinearGroup(id: "layers.\(layer).\(role)", role: role, layers: [path], width: width, source: source)
      }
      return Block(
        prefix: prefix,
        groups: [
          group("mixer.input", layer, input, c.hiddenSize, .norm(weight: prefix + "norm.weight")),
          group("mixer.scan", layer, selection, c.intermediateSize, .convolution),
          group(
            "mixer.step", layer, prefix + "mixer.dt_proj", c.timeStepRank,
            .projection(producer: selection, rows: 0..<c.timeStepRank)),
          group(
            "mixer.output", layer, output, c.intermediateSize,
            .gatedScan(producer: input, gate: c.intermediateSize..<2 * c.intermediateSize)),
        ],
        residualWriters: [output], attention: nil)
    }
    self.init(
      hiddenSize: c.hiddenSize, embedding: "backbone.embeddings.weight", blocks: blocks,
      head: LinearGroup(
        id: "head", role: "head", layers: ["lm_head"], width: c.hiddenSize,
        source: .norm(weight: "backbone.norm_f.weight")),
      headIsTied: c.tiesEmbeddings)
  }
}

extension MambaConfiguration {
  /// The name and shape of every tensor.
  var parameters: [(name: String, shape: [Int])] {
    let (d, e, n, r) = (hiddenSize, intermediateSize, stateSize, timeStepRank)
    var all: [(String, [Int])] = [("backbone.embeddings.weight", [vocabularySize, d])]
    for layer in 0..<layerCount {
      let mixer = "backbone.layers.\(layer).mixer."
      all += [
        ("backbone.layers.\(layer).norm.weight", [d]), (mixer + "A_log", [e, n]), (mixer + "D", [e]),
        (mixer + "in_proj.weight", [2 * e, d]), (mixer + "conv1d.weight", [e, 1, convolutionSize]),
        (mixer + "x_proj.weight", [r + 2 * n, e]), (mixer + "dt_proj.weight", [e, r]), (mixer + "dt_proj.bias", [e]),
        (mixer + "out_proj.weight", [d, e]),
      ]
      if hasConvolutionBias { all.append((mixer + "conv1d.bias", [e])) }
      if hasProjectionBias { all += [(mixer + "in_proj.bias", [2 * e]), (mixer + "out_proj.bias", [d])] }
    }
    all.append(("backbone.norm_f.weight", [d]))
    if !tiesEmbeddings { all.append(("lm_head.weight", [vocabularySize, d])) }
    return all
  }
}

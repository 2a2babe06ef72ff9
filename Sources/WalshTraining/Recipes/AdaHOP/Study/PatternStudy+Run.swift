import Synchronization
import WalshCheckpoints
import WalshModels
import WalshTensor

extension PatternStudy {
  /// Studies the model in `folder` on `windows`.
  ///
  /// - Parameters:
  ///   - windows: the tokens of each window; at least two, of which all but the last are read and all but the first
  ///     predicted.
  ///   - progress: called behind each layer of each window.
  /// - Throws: `TrainingError` for a quantized model, whose weights no longer have the patterns that training meets, and
  ///   for tokens and losses that are none; `CheckpointError`.
  ///
  /// Costs a training step for each window, and for each layer as many products as there are modes and formats. Holds
  /// the model, the activations of one block and the inputs of all.
  public init(
    _ folder: ModelFolder, windows: [[Int]], settings: Settings = Settings(), progress: ProgressObserver? = nil
  ) throws {
    if let quantization = try folder.configuration.quantization() {
      throw TrainingError(
        folder.checkpoint.folder,
        "it is quantized (\(quantization.format)), and rounding hides outlier patterns; inspect the model it was made from."
      )
    }
    try folder.architecture.checkParameters(of: folder.checkpoint)
    let parameters = try folder.architecture.parameters.map {
      try folder.checkpoint.tensor($0.name).tensor(checkingFinite: true)
    }
    try self.init(
      folder.architecture, parameters: parameters, windows: windows, settings: settings, progress: progress)
  }

  /// Studies a model in memory.
  ///
  /// - Parameter parameters: the weights, in the order of `architecture.parameters`.
  public init(
    _ architecture: Architecture, parameters: [Tensor], windows: [[Int]], settings: Settings = Settings(),
    progress: ProgressObserver? = nil
  ) throws {
    let paths = architecture.outline.blocks.flatMap(\.groups).flatMap(\.layers)
    let recorder = Recorder(
      settings: settings, layers: paths.map { Layer(path: $0) }, total: windows.count * paths.count,
      progress: progress)
    let blocks = architecture.outline.blocks.count
    let source = ParameterSource(architecture, parameters) { path, block in
      ObservedProduct(layer: LayerContext(path: path, block: block, blockCount: blocks), recorder: recorder)
    }
    let embedding = try architecture.embedding(from: source)
    for (index, window) in windows.enumerated() {
      precondition(window.count > 1, "A window of \(window.count) tokens predicts nothing.")
      if let token = window.first(where: { !(0..<embedding.rowCount).contains($0) }) {
        throw TrainingError(
          "tokenizer",
          "it gives the token \(token) to a model of \(embedding.rowCount) tokens; use the model's own tokenizer.")
      }
      recorder.label = "patterns, window \(index + 1) of \(windows.count)"
      // Gradients of the residual stream reach the output of every layer; none of a weight is computed.
      let start = embedding.gatheringRows(Array(window.dropLast())).tracked()
      var x = start
      for block in 0..<blocks {
        let block = try architecture.block(block, from: source)
        x = x.checkpointed { block($0) }
      }
      let loss = try architecture.ends(from: source).logits(x).crossEntropy(of: Array(window.dropFirst()))
      guard loss[].isFinite else {
        throw TrainingError(
          "window \(index + 1)", "the model's loss is not a number; a weight is damaged, write the model again.")
      }
      _ = loss.gradients(of: [start])
    }
    self.init(
      settings: settings, layers: recorder.layers, windows: windows.count,
      tokens: windows.reduce(0) { $0 + $1.count - 1 })
  }
}

extension LayerContext {
  /// A layer outside any run.
  fileprivate init(path: String, block: Int, blockCount: Int) {
    self.init(path: path, block: block, blockCount: blockCount, step: 0, stepCount: 1, seed: 0)
  }
}

/// The exact product of a layer, whose tensors a recorder sees when the gradient arrives.
private struct ObservedProduct: LinearProduct {
  let layer: LayerContext
  let recorder: Recorder

  func callAsFunction(_ x: Tensor, _ weight: Tensor) -> Tensor {
    let (layer, recorder, input) = (layer, recorder, x.detached().asMatrix)
    return LinearProducts(.float32, layer: layer)(x, weight) { e in
      recorder.record(x: input, w: weight, e: e, of: layer)
    }
  }
}

/// Gathers what a backward pass shows.
private final class Recorder: Sendable {
  private struct Values {
    var layers: [PatternStudy.Layer]
    var label = ""
    var done = 0
  }

  private let settings: PatternStudy.Settings
  private let total: Int
  // A backward pass runs on the thread that asked for it, where progress may be shown.
  private nonisolated(unsafe) let progress: ProgressObserver?
  private let values: Mutex<Values>

  init(settings: PatternStudy.Settings, layers: [PatternStudy.Layer], total: Int, progress: ProgressObserver?) {
    self.settings = settings
    self.total = total
    self.progress = progress
    values = Mutex(Values(layers: layers))
  }

  var layers: [PatternStudy.Layer] { values.withLock { $0.layers } }

  /// What is being done.
  var label: String {
    get { values.withLock { $0.label } }
    set { values.withLock { $0.label = newValue } }
  }

  func record(x: Tensor, w: Tensor, e: Tensor, of layer: LayerContext) {
    let patterns = settings.patterns(x: x, w: w, e: e)
    let errors = settings.errors(x: x, w: w, e: e, layer: layer)
    let update = values.withLock { values in
      if let index = values.layers.firstIndex(where: { $0.path == layer.path }) {
        values.layers[index].add(patterns, errors)
      }
      values.done += 1
      return ProgressUpdate(values.label, done: values.done, total: total)
    }
    progress?(update)
  }
}

extension PatternStudy.Layer {
  /// Adds an observation.
  fileprivate mutating func add(_ patterns: LayerPatterns, _ measured: [ProductSlot: [ModeErrors]]) {
    observations.append(patterns)
    for (slot, new) in measured {
      var sums = errors[slot] ?? new.map { _ in ModeErrors() }
      for (index, one) in new.enumerated() { sums[index].add(one) }
      errors[slot] = sums
    }
  }
}

extension PatternStudy.Settings {
  /// The patterns of a layer's tensors as they are stored.
  func patterns(x: Tensor, w: Tensor, e: Tensor) -> LayerPatterns {
    LayerPatterns(x: detector.pattern(of: x), w: detector.pattern(of: w), gradient: detector.pattern(of: e))
  }

  /// The errors of a layer's products for each format.
  ///
  /// - Parameters:
  ///   - x: shape `[tokens, inputs]`.
  ///   - w: shape `[outputs, inputs]`.
  ///   - e: shape `[tokens, outputs]`.
  func errors(x: Tensor, w: Tensor, e: Tensor, layer: LayerContext) -> [ProductSlot: [ModeErrors]] {
    if formats.isEmpty { return [:] }
    let operands: [(slot: ProductSlot, a: Tensor, b: Tensor)] = [
      (.forward, x, w), (.inputGradient, e, w.transposed()), (.weightGradient, e.transposed(), x.transposed()),
    ]
    return Dictionary(
      uniqueKeysWithValues: operands.map { slot, a, b in (slot, errors(a, b, slot: slot, layer: layer)) })
  }

  /// The errors of A·Bᵀ for each format; A is `[m, k]`, B is `[n, k]`.
  private func errors(_ a: Tensor, _ b: Tensor, slot: ProductSlot, layer: LayerContext) -> [ModeErrors] {
    let exact = a.matmulTransposed(b)
    let norm = exact.sumOfSquares
    return formats.map { format in
      var errors: [ProductMode: Double] = [:]
      for mode in ProductMode.allCases {
        var configuration = AdaHOPConfiguration()
        configuration.format = format
        configuration.extractionCount = extracted(of: mode.extractedLines(a, b))
        let product = LayerProduct(
          treatment: configuration.treatment(mode, isGradient: false), layer: layer, name: slot.rawValue)
        let difference = (product(a, product.prepareRight(b)) - exact).sumOfSquares
        errors[mode] = difference == 0 ? 0 : (difference / norm).squareRoot()
      }
      return ModeErrors(errors)
    }
  }
}

extension ProductMode {
  /// How many lines there are to extract some of, in A·Bᵀ.
  fileprivate func extractedLines(_ a: Tensor, _ b: Tensor) -> Int {
    switch self {
    case .extractLeft, .outerExtractLeft: a.rowCount
    case .extractRight, .outerExtractRight: b.rowCount
    case .extractLeftColumns: a.columns
    case .none, .hadamard, .outerHadamard, .fullPrecision: 0
    }
  }
}

import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor
import WalshTransforms

/// How fast FlatQuant calibrates a made-up Llama, beside the machine's rate of matrix products.
///
/// The operations that the method needs are counted, not those that the code makes; a multiplication and an addition are
/// two. With T tokens in all steps, W the number of weights of a block and L the length of a window:
///
/// | what | operations |
/// |---|---|
/// | linear layers: output, gradient by input, gradient by weight | 6·T·W |
/// | attention: two products forward, four backward, causal | 6·T·(L + 1)·H·d |
/// | transforms of activations: forward, gradient by input, gradient by matrices | 6·T·n·(n₁ + n₂) at each site |
/// | transforms of weights, every step: the same three | 6·m·n·(n₁ + n₂) for each m×n weight |
/// | targets, once | 2·T/epochs·W + 2·T/epochs·(L + 1)·H·d |
///
/// Rounding, clipping, norms, softmax, activations and the optimiser count nothing, though their time does.
public struct FlatQuantBenchmark: Sendable {
  /// The sizes of the model and of the calibration.
  public struct Sizes: Sendable {
    public var width = 512
    public var feedForward = 1408
    public var heads = 8
    public var keyHeads = 8
    public var blocks = 4
    public var samples = 128
    public var length = 256

    /// Four blocks of width 512, 128 windows of 256 tokens.
    public init() {}
  }

  /// What was measured.
  public struct Result: Sendable {
    /// Seconds of all blocks.
    public let seconds: Double
    /// The blocks.
    public let blocks: Int
    /// The steps of a block.
    public let steps: Int
    /// The operations that the method needs for all blocks.
    public let operations: Double
    /// The machine's operations a second in products of 1024×1024 matrices, on as many threads.
    public let productRate: Double
    /// The error of the last block's output in its first and last epoch.
    public let losses: (first: Double, last: Double)

    /// Operations a second of the calibration.
    public var rate: Double { operations / seconds }
    /// The part of the machine's rate.
    public var share: Double { rate / productRate }
    public var secondsPerBlock: Double { seconds / Double(blocks) }

    public var json: JSON {
      .object([
        "secondsPerBlock": .number(JSONNumber(secondsPerBlock)), "seconds": .number(JSONNumber(seconds)),
        "blocks": .number(JSONNumber(blocks)), "stepsPerBlock": .number(JSONNumber(steps)),
        "operations": .number(JSONNumber(operations)), "gigaflops": .number(JSONNumber(rate / 1e9)),
        "productGigaflops": .number(JSONNumber(productRate / 1e9)), "share": .number(JSONNumber(share)),
        "firstLoss": .number(JSONNumber(losses.first)), "lastLoss": .number(JSONNumber(losses.last)),
      ])
    }
  }

  public let sizes: Sizes
  public let settings: FlatQuantSettings
  public let preset: Preset

  public init(_ sizes: Sizes, settings: FlatQuantSettings, preset: Preset) {
    self.sizes = sizes
    self.settings = settings
    self.preset = preset
  }

  /// Calibrates every block on Gaussian windows with a few large channels; each block reads what the one before makes.
  ///
  /// - Throws: what the calibration or `progress` throws.
  public func measure(progress: ((ProgressUpdate) throws -> Void)? = nil) throws -> Result {
    let architecture = try architecture
    let outline = architecture.outline
    let plan = FlatQuantMethod(settings).plan(for: outline, preset: preset, exceptions: try LayerSelection([]))
    let calibration = FlatQuantCalibration(settings, seed: 0)
    let steps = settings.steps(samples: sizes.samples)
    var inputs = (0..<sizes.samples).map { sample in
      Tensor.normal(
        [sizes.length, sizes.width], from: RandomStream(seed: 1, purpose: "benchmark/inputs", index: UInt64(sample)))
    }
    let rateBefore = Self.productRate()
    let start = ContinuousClock.now
    var losses = (first: 0.0, last: 0.0)
    for (layer, block) in outline.blocks.enumerated() {
      let tensors = tensors(of: block, in: architecture)
      let streams = try CalibrationStreams(
        inputs, for: plan, limit: 1 << 40, folder: FileManager.default.temporaryDirectory)
      let maxima = try streams.pass(layer, of: architecture, BlockWeights(tensors: tensors))
      guard let original = streams.original, let targets = streams.targets else { break }
      let calibrated = try calibration.calibrate(
        CalibrationBlock(
          architecture: architecture, layer: layer, plan: plan, tensors: tensors, inputMaxima: maxima,
          sampleCount: inputs.count, input: original.sample, target: targets.sample)
      ) { done, note in
        try progress?(
          ProgressUpdate(
            "block \(layer + 1) of \(sizes.blocks), \(note)", done: layer * steps + done, total: sizes.blocks * steps)
        )
      }
      if let report = calibrated.report { losses = (report.firstLoss, report.lastLoss) }
      inputs = try inputs.indices.map(targets.sample)
    }
    let elapsed = start.duration(to: .now) / .seconds(1)
    return Result(
      seconds: elapsed, blocks: sizes.blocks, steps: steps, operations: operations(plan, outline),
      productRate: max(rateBefore, Self.productRate()), losses: losses)
  }

  // MARK: Operations

  /// The operations of all blocks; see the type.
  private func operations(_ plan: Plan, _ outline: ModelOutline) -> Double {
    let tokens = Double(sizes.samples * sizes.length)
    let trained = tokens * Double(settings.epochs)
    let steps = Double(settings.steps(samples: sizes.samples))
    let headSize = sizes.width / sizes.heads
    let attention = Double((sizes.length + 1) * sizes.width)
    var perBlock = 6 * trained * attention + 2 * tokens * attention
    for group in outline.blocks[0].groups {
      let weights = Double(group.layers.reduce(0) { $0 + rows(of: $1) } * group.width)
      perBlock += 6 * trained * weights + 2 * tokens * weights
      guard let shape = plan[group].transform.learnedShape else { continue }
      let online = Double(shape.onlineOrders.reduce(0, +))
      let all = Double((shape.left ?? 0) + (shape.right ?? 0))
      perBlock += 6 * trained * Double(group.width) * online + 6 * steps * weights * all
      // P_v also acts on the rows of the value projection.
      if shape.foldsRight { perBlock += 6 * steps * Double(sizes.keyHeads * headSize * sizes.width * headSize) }
    }
    if plan.learnsKeys {
      perBlock += 6 * trained * Double((sizes.heads + sizes.keyHeads) * headSize * headSize)
    }
    return perBlock * Double(sizes.blocks)
  }

  private func rows(of path: String) -> Int {
    switch path.split(separator: ".").last {
    case "k_proj", "v_proj": sizes.width / sizes.heads * sizes.keyHeads
    case "gate_proj", "up_proj": sizes.feedForward
    default: sizes.width
    }
  }

  /// The best rate of five products of 1024×1024 matrices.
  private static func productRate() -> Double {
    let n = 1024
    let (a, b) = (Tensor(shape: [n, n], repeating: 0.5), Tensor(shape: [n, n], repeating: 0.25))
    let best = (0..<5).map { _ in ContinuousClock().measure { _ = a.matmulTransposed(b) } / .seconds(1) }.min() ?? 1
    return 2 * Double(n * n * n) / best
  }

  // MARK: The model

  private var architecture: Architecture {
    get throws {
      try Architecture(
        ModelConfiguration(
          [
            "model_type": "llama", "hidden_size": .number(JSONNumber(sizes.width)),
            "intermediate_size": .number(JSONNumber(sizes.feedForward)),
            "num_attention_heads": .number(JSONNumber(sizes.heads)),
            "num_key_value_heads": .number(JSONNumber(sizes.keyHeads)),
            "num_hidden_layers": .number(JSONNumber(sizes.blocks)), "vocab_size": 32, "rms_norm_eps": 1e-5,
            "max_position_embeddings": .number(JSONNumber(sizes.length)), "hidden_act": "silu",
            "tie_word_embeddings": true,
          ], url: URL(filePath: "config.json")))
    }
  }

  /// Gaussian weights; norms with some large channels, as in trained models.
  private func tensors(of block: ModelOutline.Block, in architecture: Architecture) -> [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for (name, shape) in architecture.parameters where name.hasPrefix(block.prefix) {
      tensors[name] =
        shape.count == 1
        ? Tensor((0..<shape[0]).map { $0 % 97 == 5 ? 20 : 1 })
        : Tensor.normal(shape, from: RandomStream(seed: 2, purpose: name)) * (1 / Float(shape[1]).squareRoot())
    }
    return tensors
  }
}

import Foundation
import WalshModels
import WalshTensor

/// A model in training: parameters, optimiser, place in the data. One call of `advance()` makes one update.
///
/// All that happens is a function of the configuration, the windows and the step, whatever the number of threads: a
/// trainer made anew from the same state goes on with the same bits.
public struct Trainer: Sendable {
  /// What an update tells.
  public struct Outcome: Sendable, Hashable {
    /// The mean loss of the batch before the update, in nats per token.
    public let loss: Double
    /// The global norm of the gradient before clipping.
    public let gradientNorm: Double
    /// The learning rate of the update.
    public let learningRate: Double
  }

  /// The model.
  public let architecture: Architecture
  /// How it is trained.
  public let configuration: TrainingConfiguration
  /// The arithmetic of its linear layers.
  public let recipe: any MatmulRecipe
  /// The weights, in the order of `architecture.parameters`.
  public private(set) var parameters: [Tensor]
  /// The optimiser; its update count is the number of steps made.
  public private(set) var optimizer: AdamW
  /// The place in the data.
  public private(set) var loader: DataLoader

  /// The number of updates made.
  public var step: Int { optimizer.updateCount }

  /// A trainer at the beginning, or at the state of another.
  ///
  /// - Parameters:
  ///   - architecture: the model.
  ///   - configuration: how it is trained.
  ///   - recipe: the arithmetic of linear layers.
  ///   - parameters: the weights, in the order of `architecture.parameters`; nil for fresh ones.
  ///   - moments: updates made and the optimiser's moments; nil for none.
  ///   - loader: the data.
  public init(
    _ architecture: Architecture, configuration: TrainingConfiguration, recipe: any MatmulRecipe, loader: DataLoader,
    parameters: [Tensor]? = nil, moments: (updateCount: Int, means: [Tensor], meanSquares: [Tensor])? = nil
  ) {
    self.architecture = architecture
    self.configuration = configuration
    self.recipe = recipe
    self.loader = loader
    self.parameters = parameters ?? Initialization(seed: configuration.seed).parameters(of: architecture)
    let settings = architecture.parameters.map {
      configuration.optimizer.adjusted(for: $0.name, by: configuration.groups)
    }
    optimizer =
      moments.map {
        AdamW(updateCount: $0.updateCount, means: $0.means, meanSquares: $0.meanSquares, settings: settings)
      } ?? AdamW(shapes: architecture.parameters.map(\.shape), settings: settings)
  }

  /// Makes one update from the next `accumulation` batches.
  ///
  /// - Throws: `TrainingError` when loss or gradient are not numbers or the loss is beyond hope; the weights are then
  ///   those of the step before.
  public mutating func advance() throws -> Outcome {
    let rate = configuration.rates.rate(at: step)
    var loader = loader
    var loss = 0.0
    var gradients: [Tensor] = []
    for microBatch in 0..<configuration.accumulation {
      let batch = loader.next(configuration.batch)
      let part = try differentiate(batch, microBatch: microBatch)
      loss += part.loss / Double(configuration.accumulation)
      if gradients.isEmpty {
        gradients = part.gradients
      } else {
        for i in gradients.indices { gradients[i] += part.gradients[i] }
      }
    }
    if configuration.accumulation > 1 { gradients.scale(by: 1 / Float(configuration.accumulation)) }
    let norm = gradients.clip(toGlobalNorm: configuration.clip)
    try check(loss: loss, norm: norm, rate: rate)
    optimizer.update(&parameters, with: gradients, learningRate: rate)
    recipe.state?.endOfStep(step - 1)
    self.loader = loader
    return Outcome(loss: loss, gradientNorm: norm, learningRate: rate)
  }

  /// The mean loss over all of `windows`, in nats per token, in the arithmetic of the recipe; no gradients.
  public func loss(on windows: PackedWindows) throws -> Double {
    var sum = 0.0
    for batch in DataLoader.batches(of: windows, size: configuration.batch) {
      let logits = try logits(for: batch, parameters: parameters, microBatch: 0)
      sum = logits.negativeLogLikelihood(of: batch.targets).reduce(sum, +)
    }
    return sum / Double(windows.count * windows.context)
  }

  // MARK: One batch

  func differentiate(
    _ batch: DataLoader.Batch, microBatch: Int
  ) throws -> (loss: Double, gradients: [Tensor]) {
    let variables = parameters.map { $0.tracked() }
    let loss = try logits(for: batch, parameters: variables, microBatch: microBatch).crossEntropy(of: batch.targets)
    let value = Double(loss[])
    return (value, loss.gradients(of: variables))
  }

  /// The logits of every token of a batch, shape `[windows, context, vocabulary]`.
  private func logits(for batch: DataLoader.Batch, parameters: [Tensor], microBatch: Int) throws -> Tensor {
    let blocks = architecture.outline.blocks.count
    let source = ParameterSource(architecture, parameters) { path, block in
      RecipeProduct(
        recipe: recipe,
        layer: LayerContext(
          path: path, block: block, blockCount: blocks, step: step, stepCount: configuration.steps,
          microBatch: microBatch, seed: configuration.seed))
    }
    let embedding = try architecture.embedding(from: source)
    var x = embedding.gatheringRows(batch.inputs)
      .reshaped(to: [batch.indices.count, loader.windows.context, embedding.columns])
    for index in 0..<blocks {
      let block = try architecture.block(index, from: source)
      x = configuration.gradientCheckpointing && x.isTracked ? x.checkpointed { block($0) } : block(x)
    }
    return try architecture.ends(from: source).logits(x)
  }

  /// Refuses numbers that no later step can mend.
  private func check(loss: Double, norm: Double, rate: Double) throws(TrainingError) {
    let advice = "lower the learning rate, now \(String(format: "%.3g", rate))."
    guard loss.isFinite, norm.isFinite else {
      throw TrainingError(
        "step \(step + 1)", "the \(loss.isFinite ? "gradient" : "loss") is not a number; \(advice)")
    }
    // Knowing nothing costs log(vocabulary); three times as much is a model that is confidently wrong.
    let limit = 3 * log(Double(architecture.vocabularySize))
    guard loss <= limit else {
      throw TrainingError(
        "step \(step + 1)", "the loss has diverged to \(String(format: "%.4g", loss)); \(advice)")
    }
  }
}

import WalshModels
import WalshTensor

/// The state of a block's calibration between two steps.
struct FlatQuantTraining {
  let block: LearnedBlock
  private(set) var parameters: LearnedParameters
  /// Steps made.
  private(set) var steps = 0
  /// Values that were held back, over all steps.
  private(set) var heldValues = 0
  private var transformOptimizer: AdamW
  private var clipOptimizer: AdamW
  private let transformSchedule: Schedule
  private let clipSchedule: Schedule

  /// - Parameter samples: the number of calibration samples, which gives the number of steps.
  init(_ block: LearnedBlock, _ parameters: LearnedParameters, settings: FlatQuantSettings, samples: Int) {
    self.block = block
    self.parameters = parameters
    let constants = AdamW.Settings(weightDecay: settings.weightDecay, beta2: 0.999)
    func optimizer(_ tensors: [Tensor]) -> AdamW {
      AdamW(shapes: tensors.map(\.shape), settings: tensors.map { _ in constants })
    }
    transformOptimizer = optimizer(parameters.transforms)
    clipOptimizer = optimizer(parameters.clips)
    transformSchedule = settings.schedule(peak: settings.learningRate, samples: samples)
    clipSchedule = settings.schedule(peak: settings.clipLearningRate, samples: samples)
  }

  /// Whether every parameter is a finite number.
  var isFinite: Bool { parameters.all.allSatisfy { $0.sumOfSquares.isFinite } }

  /// One update on the samples of `batch`.
  ///
  /// - Returns: the squared error Σ (Y − Ŷ)² before the update.
  /// - Throws: `LinearAlgebraError` for NaN in a matrix.
  mutating func step(on batch: Batch, through source: CalibrationBlock) throws -> Double {
    let variables = parameters.tracked()
    let weights = try block.weights(variables)
    let model = try source.architecture.block(source.layer, from: weights)
    let errors = batch.parts.map { model($0.input).meanSquaredError(to: $0.target) * Float($0.target.count) }
    let error = errors.dropFirst().reduce(errors[0]) { $0 + $1 }
    let value = Double(error.values[0])
    defer { steps += 1 }
    // Nothing is learned without an error, or of NaN.
    guard value > 0, value.isFinite, error.isTracked else { return value }
    let gradients = error.gradients(of: variables.all, seed: Tensor(shape: error.shape, repeating: Float(1 / value)))
    let old = parameters
    transformOptimizer.update(
      &parameters.transforms, with: Array(gradients.prefix(parameters.transforms.count)),
      learningRate: transformSchedule.rate(at: steps))
    clipOptimizer.update(
      &parameters.clips, with: Array(gradients.dropFirst(parameters.transforms.count)),
      learningRate: clipSchedule.rate(at: steps))
    heldValues += try block.hold(from: old, to: &parameters)
    return value
  }
}

extension FlatQuantSettings {
  /// η(t) = η_min + (peak − η_min)·(1 + cos(πt/T))/2 over all T steps of a block.
  func schedule(peak: Double, samples: Int) -> Schedule {
    Schedule(
      shape: .cosine, peak: peak, finalShare: min(1, finalLearningRate / peak), warmUp: warmUp,
      steps: steps(samples: samples))
  }
}

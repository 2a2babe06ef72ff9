import Foundation

/// Adam with decoupled weight decay.
///
///     m ← β₁·m + (1 − β₁)·g
///     v ← β₂·v + (1 − β₂)·g²
///     w ← w − η·λ·w − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
///
/// Weights, moments and gradients are Float32; the scalars are formed in Float64 and rounded once. The decay acts on the
/// weight alone and never enters the moments. Source: Loshchilov and Hutter, arXiv 1711.05101, algorithm 2.
public struct AdamW: Sendable {
  /// The constants of one group of parameters.
  public struct Settings: Sendable, Hashable {
    /// The factor on the schedule's learning rate.
    public var learningRateFactor: Double
    /// λ.
    public var weightDecay: Double
    /// β₁, the memory of the mean.
    public var beta1: Double
    /// β₂, the memory of the mean square.
    public var beta2: Double
    /// ε.
    public var epsilon: Double

    public init(
      learningRateFactor: Double = 1, weightDecay: Double = 0.1, beta1: Double = 0.9, beta2: Double = 0.95,
      epsilon: Double = 1e-8
    ) {
      self.learningRateFactor = learningRateFactor
      self.weightDecay = weightDecay
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
    }
  }

  /// How many updates were made: t of the last one.
  public private(set) var updateCount: Int
  /// m of every parameter.
  public private(set) var means: [Tensor]
  /// v of every parameter.
  public private(set) var meanSquares: [Tensor]
  private let settings: [Settings]

  /// An optimiser that has made no update.
  ///
  /// - Parameters:
  ///   - shapes: the shape of every parameter.
  ///   - settings: the constants of every parameter.
  public init(shapes: [[Int]], settings: [Settings]) {
    let zeros = shapes.map(Tensor.zeros)
    self.init(updateCount: 0, means: zeros, meanSquares: zeros, settings: settings)
  }

  /// An optimiser that goes on where another stood.
  public init(updateCount: Int, means: [Tensor], meanSquares: [Tensor], settings: [Settings]) {
    precondition(
      means.count == settings.count && meanSquares.count == settings.count,
      "\(means.count) and \(meanSquares.count) moments do not fit \(settings.count) settings.")
    self.updateCount = updateCount
    self.means = means
    self.meanSquares = meanSquares
    self.settings = settings
  }

  /// Makes one update.
  ///
  /// - Parameters:
  ///   - parameters: the weights, in the order of the settings.
  ///   - gradients: one for each weight, of its shape.
  ///   - learningRate: η.
  /// - Complexity: one pass over weights, gradients and moments, in parallel.
  public mutating func update(_ parameters: inout [Tensor], with gradients: [Tensor], learningRate: Double) {
    precondition(
      parameters.count == settings.count && gradients.count == settings.count,
      "\(parameters.count) parameters and \(gradients.count) gradients do not fit \(settings.count) settings.")
    updateCount += 1
    for i in parameters.indices {
      let step = AdamWStep(settings[i], learningRate: learningRate, update: updateCount)
      step.apply(to: &parameters[i], &means[i], &meanSquares[i], gradient: gradients[i])
    }
  }
}

/// The scalars of one update of one group.
private struct AdamWStep {
  private let keep: Float
  private let rate: Float
  private let (beta1, rest1): (Float, Float)
  private let (beta2, rest2): (Float, Float)
  private let rootCorrection: Float
  private let epsilon: Float

  init(_ settings: AdamW.Settings, learningRate: Double, update: Int) {
    let eta = learningRate * settings.learningRateFactor
    keep = Float(1 - eta * settings.weightDecay)
    rate = Float(eta / (1 - pow(settings.beta1, Double(update))))
    (beta1, rest1) = (Float(settings.beta1), Float(1 - settings.beta1))
    (beta2, rest2) = (Float(settings.beta2), Float(1 - settings.beta2))
    rootCorrection = Float((1 - pow(settings.beta2, Double(update))).squareRoot())
    epsilon = Float(settings.epsilon)
  }

  func apply(to weight: inout Tensor, _ mean: inout Tensor, _ meanSquare: inout Tensor, gradient: Tensor) {
    precondition(
      gradient.shape == weight.shape, "A gradient \(gradient.shape) does not fit a weight \(weight.shape).")
    weight.withUnsafeMutableBufferPointer { w in
      mean.withUnsafeMutableBufferPointer { m in
        meanSquare.withUnsafeMutableBufferPointer { v in
          gradient.withUnsafeBufferPointer { g in
            Parallel.forEachChunk(of: w.count, size: 1 << 16) { range in
              for i in range {
                m[i] = beta1 * m[i] + rest1 * g[i]
                v[i] = beta2 * v[i] + rest2 * g[i] * g[i]
                w[i] = w[i] * keep - rate * m[i] / (v[i].squareRoot() / rootCorrection + epsilon)
              }
            }
          }
        }
      }
    }
  }
}

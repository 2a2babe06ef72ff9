import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Measures every way to treat one group: what the model's predictions lose when only this group is treated so.
struct OptionMeasurement {
  /// The group.
  let group: LinearGroup
  /// The weights of its layers.
  let weights: [Tensor]
  /// What the layers read, to calibrate on.
  let fit: Tensor
  /// What they read, to be judged on.
  let held: Tensor
  /// The gradients of the layers' outputs on `held`.
  let gradients: [Tensor]
  let catalogue: AutoCatalogue
  let seed: UInt64

  /// What one option costs.
  struct Result {
    let transform: Int
    let format: Int
    let solver: Int
    /// ½·mean (g·Δy)², in nats a token.
    let loss: Double
    /// Whether the option may be chosen: it has no transform, or one that is clearly better than none.
    let isClear: Bool
  }

  /// The part by which a transform must lower the loss to be worth its place, beyond two standard errors of the difference.
  static let leastGain = 0.05

  /// All options, transforms outermost.
  func results() throws -> [Result] {
    let format = catalogue.request.preset.activations ?? catalogue.request.preset.weights ?? .mxfp4
    var results: [Result] = []
    var plain: [Int: [Double]] = [:]
    let exact = weights.map { held.matmulTransposed($0) }
    for (index, candidate) in catalogue.transforms.enumerated() {
      let recipe = try candidate.transform(of: group, format: format, seed: seed)
      var inputs = InputStatistics(width: group.width, needs: recipe.needs)
      inputs.add(fit)
      let transform = try recipe.resolved(for: group, weights: weights, inputs: inputs)
      for (format, solver, losses) in try losses(transform, exact) {
        let key = format * catalogue.solvers.count + solver
        if index == 0 { plain[key] = losses }
        let mean = losses.reduce(0, +) / Double(losses.count)
        results.append(
          Result(
            transform: index, format: format, solver: solver, loss: mean.isFinite ? mean : .infinity,
            isClear: index == 0 || Self.isClear(losses, better: plain[key] ?? losses)))
      }
    }
    return results
  }

  /// Whether `losses` are lower than `plain` by more than chance and by enough; token by token, so that what both lose alike
  /// does not matter.
  static func isClear(_ losses: [Double], better plain: [Double]) -> Bool {
    let count = Double(losses.count)
    let gains = zip(plain, losses).map { $0 - $1 }
    let gain = gains.reduce(0, +) / count
    let spread = gains.reduce(0) { $0 + ($1 - gain) * ($1 - gain) } / max(1, count - 1)
    return gain > 2 * (spread / count).squareRoot() && gain > leastGain * plain.reduce(0, +) / count
  }

  /// The loss of every token behind `transform`, for each format and solver.
  private func losses(
    _ transform: (any LinearTransform)?, _ exact: [Tensor]
  ) throws -> [(format: Int, solver: Int, losses: [Double])] {
    let inverse = transform?.inverseTranspose
    let layers = weights.map { layer in inverse.map { layer.transformed(by: $0) } ?? layer }
    let fit = transform.map { self.fit.transformed(by: $0) } ?? self.fit
    let held = transform.map { self.held.transformed(by: $0) } ?? self.held
    let quantizer = catalogue.request.preset.activations.map { format in
      ActivationQuantizer(
        format: format, amax: format.isTwoLevel ? fit.maxMagnitude * BlockSolver.activationHeadroom : nil)
    }
    let rounded = quantizer?(held) ?? held
    var factor: GPTQ.Factor?
    if catalogue.solvers.contains(where: \.weightSolver.needsHessian) {
      var gram = Matrix.zeros(group.width, group.width)
      gram.addGram(of: quantizer?(fit) ?? fit)
      for case .gptq(let gptq) in catalogue.solvers.map(\.weightSolver) where factor == nil {
        factor = try gptq.factor(of: gram)
      }
    }
    var result: [(Int, Int, [Double])] = []
    for (index, format) in catalogue.formats.enumerated() {
      guard let format = format?.fitted(toWidth: group.width) else {
        // Full precision: nothing is rounded, so nothing is lost, and a transform has no use.
        if transform == nil { result.append((index, 0, [Double](repeating: 0, count: held.rowCount))) }
        continue
      }
      let amax = format.isTwoLevel ? layers.map(\.maxMagnitude).max() : nil
      for (place, solver) in catalogue.solvers.enumerated() {
        let solved = layers.map { Self.solved($0, solver.weightSolver, format, amax: amax, factor) }
        var change = [Double](repeating: 0, count: held.rowCount)
        for (layer, (y, g)) in zip(solved, zip(exact, gradients)) {
          for (row, value) in (g * (rounded.matmulTransposed(layer) - y)).rowSums.enumerated() {
            change[row] += value
          }
        }
        result.append((index, place, change.map { 0.5 * $0 * $0 }))
      }
    }
    return result
  }

  /// The rounded weight.
  private static func solved(
    _ weight: Tensor, _ solver: WeightSolver, _ format: NumericFormat, amax: Float?, _ factor: GPTQ.Factor?
  ) -> Tensor {
    let quantizer = Quantizer(format: format, search: solver.scaleSearch)
    let scales = quantizer.blockScales(of: weight, amax: amax)
    var weight = weight
    if case .gptq(let gptq) = solver, let factor {
      weight = gptq.solve(weight, factor: factor, quantizer: quantizer, scales: scales)
    }
    return quantizer.pack(weight, scales: scales).unpacked()
  }
}

extension Tensor {
  /// The sum of each row in Float64.
  fileprivate var rowSums: [Double] {
    withUnsafeBufferPointer { values in
      (0..<rowCount).map { row in
        values[row * columns..<(row + 1) * columns].reduce(0) { $0 + Double($1) }
      }
    }
  }
}

import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Carries out a plan on one block: transforms, folds, and solves group after group on calibration activations.
struct BlockSolver {
  let architecture: Architecture
  let layer: Int
  let plan: Plan
  /// What the plan's block calibration decided; nil without one.
  var calibrated: CalibratedBlock?

  private var groups: [LinearGroup] { architecture.outline.blocks[layer].groups }

  /// Quantizes the block `weights` in place.
  ///
  /// Groups are solved in the order in which the block computes them; each sees the activations that the quantized
  /// groups before it leave.
  /// - Parameters:
  ///   - weights: the block's tensors as they are in the source.
  ///   - hidden: the residual stream in front of the block, behind the plan's residual rotation; nil when the plan needs
  ///     no calibration text.
  /// - Returns: the error of each quantized layer.
  func solve(_ weights: inout BlockWeights, on hidden: HiddenStates?) throws -> [LayerReport] {
    try transform(&weights, on: hidden)
    try setActivationFormats(&weights, on: hidden)
    return try groups.flatMap { try solve($0, in: &weights, on: hidden) }
  }

  // MARK: Transforms

  private func transform(_ weights: inout BlockWeights, on hidden: HiddenStates?) throws {
    if let calibrated { return try apply(calibrated, to: &weights) }
    let block = architecture.outline.blocks[layer]
    if let rotation = plan.residual {
      try weights.foldNorms(of: groups)
      try weights.rotateResidual(by: rotation, readers: groups, writers: block.residualWriters)
    }
    weights.keys = KeyStage(transform: plan.keys, cacheFormat: plan.cache)

    var made: [(LinearGroup, any LinearTransform)] = []
    let calibrated = groups.filter { if case .calibrated = plan[$0].transform { true } else { false } }
    let statistics = try inputStatistics(of: calibrated, in: weights, on: hidden) { group in
      if case .calibrated(let calibration) = plan[group].transform { calibration.needs } else { .init() }
    }
    for group in groups {
      switch plan[group].transform {
      case .none, .learned: continue
      case .fixed(let transform): made.append((group, transform))
      case .calibrated(let calibration):
        guard let inputs = statistics[group.id] else { continue }
        let layers = try group.layers.map { try weights.tensor($0 + ".weight") }
        made.append((group, try calibration.transform(for: group, weights: layers, inputs: inputs)))
      }
    }
    for (group, transform) in made { try weights.apply(transform, to: group) }
  }

  /// Folds what a block calibration decided, group by group in the order of the block: the transform, then the clipping of
  /// the group's weights behind it. Rows of a producer that a later group maps (values, up projections) are clipped before.
  private func apply(_ calibrated: CalibratedBlock, to weights: inout BlockWeights) throws {
    for group in groups {
      if let transform = calibrated.transforms[group.id] { try weights.apply(transform, to: group) }
      for layer in group.layers {
        guard let ratios = calibrated.weightClips[layer] else { continue }
        try weights.update(layer + ".weight") { $0.clippingRows(ratios: ratios) }
      }
    }
    weights.keys = KeyStage(cacheFormat: plan.cache)
    weights.keys.queryTransform = calibrated.queryTransform
    weights.keys.keyTransform = calibrated.keyTransform
    if let cache = plan.cache {
      weights.keys.keys = ActivationQuantizer(format: cache, clip: calibrated.keyClip)
      weights.keys.values = ActivationQuantizer(format: cache, clip: calibrated.valueClip)
    }
  }

  /// How far beyond the largest calibrated activation the tensor scale reaches.
  ///
  /// A larger activation saturates, and a single one can spoil a text; scales in E4M3 have fifteen binades of range, of
  /// which this costs one.
  static let activationHeadroom: Float = 2

  /// Fixes the tensor scale of activations whose format has one, from the block in full precision.
  private func setActivationFormats(_ weights: inout BlockWeights, on hidden: HiddenStates?) throws {
    let scaled = groups.filter { plan[$0].activations?.isTwoLevel == true }
    let statistics = try inputStatistics(of: scaled, in: weights, on: hidden) { _ in .init() }
    for group in groups {
      guard let format = plan[group].activations else { continue }
      if plan.clipsPerLayer, plan.clips(format) {
        for layer in group.layers {
          weights.layerActivations[layer] = ActivationQuantizer(
            format: format, clip: calibrated?.activationClips[layer] ?? .none)
        }
        continue
      }
      weights.activations[group.id] = ActivationQuantizer(
        format: format, amax: (statistics[group.id]?.maxMagnitude).map { $0 * Self.activationHeadroom },
        clip: calibrated?.activationClips[group.layers[0]] ?? .none)
    }
  }

  // MARK: Weights

  private func solve(
    _ group: LinearGroup, in weights: inout BlockWeights, on hidden: HiddenStates?
  ) throws -> [LayerReport] {
    let groupPlan = plan[group]
    guard let format = groupPlan.weights else { return [] }
    let quantizer = Quantizer(format: format, search: groupPlan.solver.scaleSearch, clip: groupPlan.weightClip)
    let layers = try group.layers.map { ($0, try weights.tensor($0 + ".weight")) }
    // Runtimes fuse the layers of a group into one product, which has one tensor scale.
    let amax = format.isTwoLevel ? layers.map(\.1.maxMagnitude).max() : nil

    var gram: Matrix?
    if groupPlan.solver.needsHessian {
      var seen = weights
      if case .gptq(let gptq) = groupPlan.solver, gptq.inputs == .exact { seen.activations = [:] }
      gram = try inputStatistics(of: [group], in: seen, on: hidden) { _ in .init(gram: true) }[group.id]?.gram
    }
    var factor: GPTQ.Factor?
    if case .gptq(let gptq) = groupPlan.solver, let gram { factor = try gptq.factor(of: gram) }
    var reports: [LayerReport] = []
    for (path, weight) in layers {
      let scales = quantizer.blockScales(of: weight, amax: amax)
      var solved = weight
      if case .gptq(let gptq) = groupPlan.solver, let factor {
        solved = gptq.solve(weight, factor: factor, quantizer: quantizer, scales: scales)
      }
      let packed = quantizer.pack(solved, scales: scales)
      reports.append(report(path, group, format, weight, packed, gram))
      try weights.quantize(path, to: packed)
    }
    return reports
  }

  private func report(
    _ path: String, _ group: LinearGroup, _ format: NumericFormat, _ weight: Tensor, _ packed: PackedMatrix,
    _ gram: Matrix?
  ) -> LayerReport {
    let difference = weight - packed.unpacked()
    let norm = weight.sumOfSquares
    // A layer whose inputs or weights are all zero computes nothing that could be wrong.
    let outputError = gram.flatMap { gram -> Double? in
      let output = gram.quadraticForm(weight)
      return output > 0 ? gram.quadraticForm(difference) / output : nil
    }
    return LayerReport(
      path: path, role: group.role, format: format.name,
      weightError: norm > 0 ? difference.sumOfSquares / norm : 0, outputError: outputError)
  }

  // MARK: Calibration

  /// Runs all samples through the block, as far as the last group of `collected`, and collects what the layers of these
  /// groups read, behind their input stages.
  private func inputStatistics(
    of collected: [LinearGroup], in weights: BlockWeights, on hidden: HiddenStates?,
    needs: (LinearGroup) -> InputStatistics.Needs
  ) throws -> [String: InputStatistics] {
    var statistics: [String: InputStatistics] = [:]
    for group in collected { statistics[group.id] = InputStatistics(width: group.width, needs: needs(group)) }
    guard let hidden, !statistics.isEmpty else { return [:] }
    let block = try architecture.block(layer, from: weights)
    try hidden.forEach { x in
      var missing = collected.count
      _ = block(x, state: nil) { group, activation in
        guard statistics[group.id] != nil else { return true }
        statistics[group.id]?.add(weights.inputStage(of: group)(activation))
        missing -= 1
        return missing > 0
      }
    }
    return statistics
  }
}

extension Matrix {
  /// Σ_rows w·A·wᵀ = tr(W·A·Wᵀ) in Float64, of a W of shape `[rows, columns]`. The order of the sum is fixed.
  func quadraticForm(_ w: Tensor) -> Double {
    let height = 256
    var parts = [Double](repeating: 0, count: (w.rowCount + height - 1) / height)
    parts.withUnsafeMutableBufferPointer { parts in
      Parallel.forEachChunk(of: w.rowCount, size: height) { rows in
        let wide = Matrix(w.rows(rows))
        let product = wide * self
        parts[rows.lowerBound / height] = zip(product.values, wide.values).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    return parts.reduce(0, +)
  }
}

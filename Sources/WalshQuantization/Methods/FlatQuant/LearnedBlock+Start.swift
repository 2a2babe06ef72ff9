import Foundation
import WalshFormats
import WalshModels
import WalshTensor

extension LearnedBlock {
  /// A block with its parameters at their start.
  ///
  /// - Parameters:
  ///   - block: the block in full precision, with what its activations were.
  ///   - settings: what is learned.
  ///   - seed: of the random matrices.
  static func start(
    _ block: CalibrationBlock, settings: FlatQuantSettings, seed: UInt64
  ) throws -> (block: LearnedBlock, parameters: LearnedParameters) {
    var parameters = LearnedParameters()
    let plan = block.plan
    let outline = block.outline
    func matrix(_ order: Int, _ name: String) -> InvertibleMatrix {
      InvertibleMatrix(
        order: order, settings.parametrisation,
        stream: { RandomStream(seed: seed, purpose: "flatquant/\(name)", index: $0) }, in: &parameters)
    }
    func clip(_ count: Int) -> (lower: LearnedParameters.Key, upper: LearnedParameters.Key) {
      (parameters.addClip(count: count), parameters.addClip(count: count))
    }

    var groups: [LearnedGroup] = []
    for group in outline.groups {
      var learned = LearnedGroup(group: group)
      let groupPlan = plan[group]
      if let shape = groupPlan.transform.learnedShape {
        if shape.scales, case .valueHeads = group.source {
        } else if shape.scales {
          learned.scale = parameters.addTransform(
            try settings.scaleStart.scales(of: group, in: block))
        }
        if let order = shape.left { learned.left = matrix(order, "\(group.id)/left") }
        if let order = shape.right { learned.right = matrix(order, "\(group.id)/right") }
      }
      if settings.learnsClipping, groupPlan.weights != nil {
        for layer in group.layers {
          learned.weightClips[layer] = clip(try block.tensor(layer + ".weight").rowCount)
        }
      }
      if settings.learnsClipping, groupPlan.activations?.element.isInteger == true {
        let shared = plan.clipsPerLayer ? nil : clip(1)
        for layer in group.layers { learned.activationClips[layer] = shared ?? clip(1) }
      }
      groups.append(learned)
    }
    let learnsKeys = plan.learnsKeys && outline.attention != nil
    let keys = learnsKeys ? matrix(outline.attention?.headSize ?? 1, "\(outline.prefix)keys") : nil
    let clipsCache = settings.learnsClipping && plan.cache?.element.isInteger == true && outline.attention != nil
    let learned = LearnedBlock(
      plan: plan, groups: groups, keys: keys, keyClip: clipsCache ? clip(1) : nil,
      valueClip: clipsCache ? clip(1) : nil, tensors: block.tensors)
    return (learned, parameters)
  }
}

extension FlatQuantSettings.ScaleStart {
  /// What the channels of a group's activation are multiplied by first.
  ///
  /// `smooth`: c_j = max( (max_i |W_ij|)^(1 − α) / (max_t |X_tj|)^α, 1e-5 ) with α = 0.3, the maxima being those of all
  /// layers of the group, and of all calibration tokens but never below 1e-5.
  fileprivate func scales(of group: LinearGroup, in block: CalibrationBlock) throws -> Tensor {
    switch self {
    case .ones: return Tensor(shape: [group.width], repeating: 1)
    case .smooth:
      let maxima = try group.layers.map { try block.tensor($0 + ".weight").columnMaxMagnitudes }
      let weights = maxima.dropFirst().reduce(maxima[0]) { $0.combined(with: $1) { max($0, $1) } }
      let inputs = block.inputMaxima[group.id] ?? Tensor.zeros([group.width])
      return Self.smooth(weights: weights, inputs: inputs)
    }
  }

  /// The formula of `smooth`.
  static func smooth(weights: Tensor, inputs: Tensor, exponent: Double = 0.3) -> Tensor {
    weights.combined(with: inputs) { w, x in
      max(Float(pow(Double(w), 1 - exponent) / pow(Double(max(x, 1e-5)), exponent)), LearnedGroup.smallestScale)
    }
  }
}

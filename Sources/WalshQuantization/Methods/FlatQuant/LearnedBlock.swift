import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// A block while FlatQuant learns it: which parameters there are, and the block that they make.
///
/// The block is that of the engine after folding: scales are in the norms and in the rows of the up projection, P_v in those
/// of the value projection, weights are clipped and rounded, activations rounded at run time. So what is minimised is the
/// error of what will be stored, in every format, and not that of a graph which is folded later.
struct LearnedBlock {
  let plan: Plan
  let groups: [LearnedGroup]
  /// P_h, which keys take; queries take P_h⁻ᵀ. nil for none.
  let keys: InvertibleMatrix?
  /// The logits of the clips of cached keys and values.
  let keyClip: (lower: LearnedParameters.Key, upper: LearnedParameters.Key)?
  let valueClip: (lower: LearnedParameters.Key, upper: LearnedParameters.Key)?
  let tensors: [String: Tensor]

  /// The tensors with everything folded, before weights are rounded, differentiable by `parameters`.
  private func folded(
    _ parameters: LearnedParameters
  ) throws -> (tensors: [String: Tensor], stages: [String: LearnedTransform]) {
    var tensors = tensors
    var stages: [String: LearnedTransform] = [:]
    func update(_ name: String, _ change: (Tensor) -> Tensor) {
      if let tensor = tensors[name] { tensors[name] = change(tensor) }
    }
    for learned in groups {
      let group = learned.group
      let (left, right) = try learned.pairs(parameters)
      let scale = learned.scale.map { parameters[$0] }
      let whole = LearnedTransform(left: left, right: right, dimension: group.width)
      switch group.source {
      case .norm(let name):
        if let scale { update(name) { $0 * scale } }
        if learned.isTransformed { stages[group.id] = whole }
      case .gatedProduct(let producer):
        if let scale {
          update(producer + ".weight") { $0.scalingRows(by: scale) }
          update(producer + ".bias") { $0 * scale }
        }
        if learned.isTransformed { stages[group.id] = whole }
      case .projection, .convolution, .gatedScan:
        if learned.isTransformed { stages[group.id] = whole }
      case .valueHeads(let producer, _, _, _):
        if let right {
          update(producer + ".weight") { $0.transposed().mappingHeads(by: right.matrix).transposed() }
          update(producer + ".bias") { $0.mappingHeads(by: right.matrix) }
        }
        if left != nil {
          stages[group.id] = LearnedTransform(left: left, right: nil, dimension: group.width)
        }
      }
      for layer in group.layers {
        if learned.isTransformed || scale != nil {
          update(layer + ".weight") { whole.undone(in: $0, scale: scale) }
        }
        if let clip = learned.weightClips[layer] {
          update(layer + ".weight") { $0.clippingRows(lower: parameters[clip.lower], upper: parameters[clip.upper]) }
        }
      }
    }
    return (tensors, stages)
  }

  /// The weights of the block that `parameters` make, differentiable by them.
  ///
  /// - Parameter quantizes: whether anything is rounded; without it the block computes what the original one does.
  /// - Throws: `LinearAlgebraError` when a matrix has no inverse.
  func weights(_ parameters: LearnedParameters, quantizes: Bool = true) throws -> LearnedWeights {
    var (tensors, stages) = try folded(parameters)
    var result = LearnedWeights(tensors: [:])
    for learned in groups {
      let group = learned.group
      let groupPlan = plan[group]
      result.stages[group.id] = InputStage(transform: stages.removeValue(forKey: group.id))
      guard quantizes else { continue }
      if let format = groupPlan.weights {
        let names = group.layers.map { $0 + ".weight" }
        let amax = format.isTwoLevel ? names.compactMap { tensors[$0]?.maxMagnitude }.max() : nil
        for name in names {
          if let weight = tensors[name] { tensors[name] = Quantizer(format: format).fakeQuantize(weight, amax: amax) }
        }
      }
      if let format = groupPlan.activations {
        for layer in group.layers {
          let clip = learned.activationClips[layer].map { logits($0, parameters) }
          let quantizer =
            clip.map { ActivationQuantizer(format: format, learning: $0) } ?? ActivationQuantizer(format: format)
          if plan.clipsPerLayer {
            result.activations[layer] = quantizer
          } else {
            result.stages[group.id]?.activation = quantizer
          }
        }
      }
    }
    if let pair = try keys?.pair(parameters) {
      let inverse = InvertiblePair(matrix: pair.inverseTranspose, inverseTranspose: pair.matrix)
      let n = pair.matrix.columns
      result.keys.keyTransform = LearnedTransform(left: nil, right: pair, dimension: n)
      result.keys.queryTransform = LearnedTransform(left: nil, right: inverse, dimension: n)
    }
    if quantizes, let cache = plan.cache {
      func quantizer(_ keys: (lower: LearnedParameters.Key, upper: LearnedParameters.Key)?) -> ActivationQuantizer {
        keys.map { ActivationQuantizer(format: cache, learning: logits($0, parameters)) }
          ?? ActivationQuantizer(format: cache)
      }
      result.keys.keys = quantizer(keyClip)
      result.keys.values = quantizer(valueClip)
    }
    result.tensors = tensors
    return result
  }

  private func logits(
    _ keys: (lower: LearnedParameters.Key, upper: LearnedParameters.Key), _ parameters: LearnedParameters
  ) -> ClipLogits { ClipLogits(lower: parameters[keys.lower], upper: parameters[keys.upper]) }

  /// Holds back what would make a matrix singular or turn a sign; the number of values held.
  func hold(from old: LearnedParameters, to new: inout LearnedParameters) throws -> Int {
    try groups.reduce(0) { try $0 + $1.hold(from: old, to: &new) } + (keys?.hold(from: old, to: &new) ?? 0)
  }

  /// What the engine needs of the final parameters.
  func result(_ parameters: LearnedParameters) throws -> CalibratedBlock {
    func ratios(_ keys: (lower: LearnedParameters.Key, upper: LearnedParameters.Key)) -> (
      lower: Tensor, upper: Tensor
    ) { (parameters[keys.lower].sigmoid(), parameters[keys.upper].sigmoid()) }
    func ratio(_ keys: (lower: LearnedParameters.Key, upper: LearnedParameters.Key)?) -> ClipRatio {
      keys.map { logits($0, parameters).ratio } ?? .none
    }
    var result = CalibratedBlock()
    for learned in groups {
      result.transforms[learned.group.id] = try learned.transform(parameters)
      for (layer, keys) in learned.weightClips { result.weightClips[layer] = ratios(keys) }
      for (layer, keys) in learned.activationClips { result.activationClips[layer] = ratio(keys) }
    }
    if let pair = try keys?.pair(parameters) {
      result.keyTransform = pair.dense
      result.queryTransform = pair.dense.inverseTranspose
    }
    result.keyClip = ratio(keyClip)
    result.valueClip = ratio(valueClip)
    return result
  }
}

extension Tensor {
  /// Every head of the last axis, as many values as `matrix` has columns, times `matrix`.
  fileprivate func mappingHeads(by matrix: Tensor) -> Tensor {
    reshaped(to: [count / matrix.columns, matrix.columns]).matmul(matrix).reshaped(to: shape)
  }
}

/// The weights of a learned block as a model reads them.
struct LearnedWeights: WeightSource {
  var tensors: [String: Tensor]
  var stages: [String: InputStage] = [:]
  /// The quantizer of a layer's own activation, where layers of a group clip differently.
  var activations: [String: ActivationQuantizer] = [:]
  var keys = KeyStage()

  func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw QuantizationError(name, "the model has no such tensor.") }
    return tensor
  }

  func linear(_ path: String) throws -> Linear {
    var layer = Linear(.dense(try tensor(path + ".weight")), bias: tensors[path + ".bias"])
    layer.activation = activations[path]
    return layer
  }

  func inputStage(of group: LinearGroup) -> InputStage { stages[group.id] ?? InputStage() }

  func keyStage(of site: ModelOutline.AttentionSite) -> KeyStage { keys }
}

import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTransforms

/// Everything that is decided about a model before its first weight is read.
///
/// A method makes a plan; the engine carries it out. The same plan for the same model and calibration text gives the same
/// bytes.
public struct Plan: Sendable {
  /// The method that made the plan.
  public var method: String
  /// The formats by name.
  public let preset: Preset
  /// An orthogonal map of the residual stream, folded into every weight that reads or writes it; nil for none. Norm
  /// weights are folded first, since only a norm without weights commutes with a rotation.
  public var residual: (any LinearTransform)?
  /// An orthogonal map of every query and key head behind the rotary embedding, applied online; nil for none.
  public var keys: (any LinearTransform)?
  /// The format of cached keys and values; nil for full precision.
  public var cache: NumericFormat?
  /// What makes the transforms of `GroupTransform.learned`, clips, and the map of keys, block by block; nil for none.
  public var blockCalibration: (any BlockCalibration)?
  /// Whether the block calibration learns a map of keys, whose inverse transpose queries take, in place of `keys`.
  public var learnsKeys = false
  /// Whether the block calibration learns what is clipped of weights, activations, keys and values.
  public var learnsClips = false
  /// Whether every layer clips its activation in its own way, instead of all of a group alike.
  public var clipsPerLayer = false
  /// A plan for each group by its id; a group without one stays as it is (but for the residual rotation).
  public var groups: [String: GroupPlan]
  /// What has to be learned from the whole model before the first shard; nil for nothing.
  public var preparation: (any PlanPreparation)?
  /// What the making of the plan found out, a sentence each, for the model card.
  public var remarks: [String] = []
  /// What `auto` measured; nil for plans of other methods.
  public var evidence: AutoEvidence?

  public init(
    method: String, preset: Preset, residual: (any LinearTransform)? = nil, keys: (any LinearTransform)? = nil,
    cache: NumericFormat? = nil, groups: [String: GroupPlan] = [:]
  ) {
    self.method = method
    self.preset = preset
    self.residual = residual
    self.keys = keys
    self.cache = cache
    self.groups = groups
  }

  /// What happens to `group`.
  public subscript(group: LinearGroup) -> GroupPlan { groups[group.id] ?? GroupPlan() }

  /// Why the plan needs calibration text; nil when it does not.
  public var calibrationReason: String? {
    if preparation != nil { return "\(method) learns from text" }
    for plan in groups.values {
      if plan.weights != nil, plan.solver.needsHessian { return "GPTQ weighs errors by the inputs of each layer" }
      if case .calibrated(let calibration) = plan.transform { return "\(calibration) looks at activations" }
      if plan.activations?.isTwoLevel == true { return "\(preset.name) activations have a calibrated tensor scale" }
    }
    return blockCalibration.map { "\($0) learns from what passes through each block" }
  }

  /// Whether weights or scales follow from the residual stream that the quantized blocks leave, and not from that of the
  /// original model alone.
  var readsQuantizedStream: Bool {
    if blockCalibration == nil { return true }
    return groups.values.contains { plan in
      plan.weights != nil && plan.solver.needsHessian || plan.activations?.isTwoLevel == true
    }
  }

  /// The residual streams of the calibration text that a run carries: the one behind quantized blocks, and for a block
  /// calibration the one behind original blocks with its next state.
  var streamCount: Int { (readsQuantizedStream ? 1 : 0) + (blockCalibration == nil ? 0 : 2) }

  /// Whether activations in `format` have a learned clip: integers, whose scales pass a gradient.
  func clips(_ format: NumericFormat?) -> Bool { learnsClips && format?.element.isInteger == true }

  /// Whether anything is clipped at run time.
  var clipsAnything: Bool { clips(cache) || groups.values.contains { clips($0.activations) } }

  /// Checks that a compressed-tensors checkpoint can store every format of the plan.
  ///
  /// - Throws: `QuantizationError` naming the first group with a format it cannot, or with a rounded activation in front of
  ///   full precision weights.
  func checkFormats(_ outline: ModelOutline) throws(QuantizationError) {
    for group in outline.blocks.flatMap(\.groups) {
      let plan = self[group]
      if let weights = plan.weights, LinearLayout(weights) == nil {
        throw QuantizationError(
          "weights \(weights) of \(group.id)",
          "compressed-tensors checkpoints have no such weights; use MXFP4, NVFP4-CT, INT4/128 or INT8/row.")
      }
      guard let activations = plan.activations else { continue }
      // A reader must round as the calibration did, so what the configuration means has to be the format itself.
      let stored = QuantizationArguments(activations: activations)?.activationFormat
      if stored != activations {
        throw QuantizationError(
          "activations \(activations) of \(group.id)",
          "readers of compressed-tensors checkpoints "
            + (stored.map { "would compute \($0) instead; use that." }
              ?? "have no such activations; use MXFP4, NVFP4-CT or INT8/row."))
      }
      if plan.weights == nil {
        throw QuantizationError(
          "activations \(activations) of \(group.id)",
          "its weights stay in full precision, so its activation must, too; give the group a weight format.")
      }
    }
    if let cache, QuantizationArguments(cache: cache)?.cacheFormat != cache {
      throw QuantizationError("cache \(cache)", "compressed-tensors checkpoints have no such cache format.")
    }
  }
}

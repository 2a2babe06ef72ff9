import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Makes all transforms and clips of a block at once, from the block in full precision and what passes through it.
///
/// Where `TransformCalibration` sees statistics of one group, this sees the block: every calibration sample in front of it
/// and what the original block makes of the sample, both in full precision. So blocks do not depend on each other's result.
public protocol BlockCalibration: Sendable, CustomStringConvertible {
  /// How many samples pass through the block at once.
  var samplesPerStep: Int { get }

  /// The steps of a block for a number of samples, for progress.
  func steps(samples: Int) -> Int

  /// What is to be done to the block.
  ///
  /// - Parameters:
  ///   - block: the block and its samples.
  ///   - progress: called before each step, with the number of steps done and a note such as `epoch 3 of 15, loss 0.01`.
  /// - Throws: `QuantizationError` when the calibration fails, or what `progress` throws.
  func calibrate(
    _ block: CalibrationBlock, progress: (_ done: Int, _ note: String) throws -> Void
  ) throws -> CalibratedBlock
}

/// A block in full precision with the calibration text in front of it and behind it.
public struct CalibrationBlock {
  /// The architecture that the block belongs to.
  public let architecture: Architecture
  /// The block's place.
  public let layer: Int
  /// What will be done to it.
  public let plan: Plan
  /// Its tensors by name.
  public let tensors: [String: Tensor]
  /// The largest magnitude of each channel of each group's activation over all samples, by group id.
  public let inputMaxima: [String: Tensor]
  /// The number of samples.
  public let sampleCount: Int
  /// The residual stream in front of a sample's block, shape `[tokens, hiddenSize]`.
  public let input: (_ sample: Int) throws -> Tensor
  /// What the original block makes of it.
  public let target: (_ sample: Int) throws -> Tensor

  /// The block's groups.
  public var outline: ModelOutline.Block { architecture.outline.blocks[layer] }

  /// The tensor `name`.
  func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw QuantizationError(name, "the model has no such tensor.") }
    return tensor
  }
}

/// What a calibration decides about a block.
public struct CalibratedBlock: Sendable {
  /// The transform of each group's activation, by group id; the engine folds what the group's source absorbs.
  public var transforms: [String: any LinearTransform] = [:]
  /// The parts of its extremes that each row of a weight is clipped to behind its group's transform, by layer path.
  public var weightClips: [String: (lower: Tensor, upper: Tensor)] = [:]
  /// What is clipped of a layer's activation, by layer path.
  public var activationClips: [String: ClipRatio] = [:]
  /// The map of every key head; nil for none.
  public var keyTransform: (any LinearTransform)?
  /// The map of every query head, the inverse transpose of the keys'.
  public var queryTransform: (any LinearTransform)?
  /// What is clipped of cached keys.
  public var keyClip = ClipRatio.none
  /// What is clipped of cached values.
  public var valueClip = ClipRatio.none
  /// How the calibration went.
  public var report: CalibrationReport?

  /// Nothing decided: no transform, no clip.
  public init() {}
}

/// How the calibration of one block went.
public struct CalibrationReport: Sendable, Equatable {
  /// The block's place.
  public let layer: Int
  /// The error of the block's output relative to the output, ‖Y − Ŷ‖² / ‖Y‖², in the first pass over the samples.
  public let firstLoss: Double
  /// The same in the last pass.
  public let lastLoss: Double
  /// How many steps of single values were held back because a matrix would have become singular or a factor negative.
  public let heldValues: Int

  public init(layer: Int, firstLoss: Double, lastLoss: Double, heldValues: Int) {
    self.layer = layer
    self.firstLoss = firstLoss
    self.lastLoss = lastLoss
    self.heldValues = heldValues
  }
}

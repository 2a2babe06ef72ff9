/// The settings of FlatQuant's calibration; the defaults are those of its code.
public struct FlatQuantSettings: Sendable, Hashable {
  /// How a learned matrix and its inverse follow from parameters.
  public enum Parametrisation: String, Sendable, CaseIterable {
    /// P = U·diag(s)·Vᵀ with U and V from Cayley's map: the inverse needs no solving.
    case svd
    /// P itself, with its inverse solved for in Float64: what the code uses for Qwen2.5.
    case inverse
  }

  /// What scales per channel begin with.
  public enum ScaleStart: String, Sendable, CaseIterable {
    /// max|W|^(1 − α) / max|X|^α, α = 0.3.
    case smooth
    /// Ones.
    case ones
  }

  /// Passes over the calibration samples.
  public var epochs = 15
  /// Samples in a step.
  public var batchSize = 4
  /// The first learning rate of transforms and scales.
  public var learningRate = 5e-3
  /// The first learning rate of clip logits.
  public var clipLearningRate = 5e-2
  /// Where both learning rates end, on a cosine over all steps.
  public var finalLearningRate = 5e-6
  /// Steps of linear warm-up.
  public var warmUp = 0
  /// The decay of all parameters; see `AdamW`.
  public var weightDecay = 0.01
  /// How matrices are parametrised.
  public var parametrisation = Parametrisation.svd
  /// Whether matrices are learned (LT).
  public var learnsTransforms = true
  /// Whether scales per channel are learned (PS).
  public var learnsScales = true
  /// Whether clipping thresholds of weights, activations, keys and values are learned (LCT).
  public var learnsClipping = true
  /// Whether the layers of a group clip their activation alike, so that one quantized activation serves all of them.
  public var sharedActivationClip = true
  /// What scales begin with.
  public var scaleStart = ScaleStart.smooth

  /// The settings of the method's code.
  public init() {}

  /// The settings that differ from the defaults, such as `5 epochs, inverse`; empty when none does.
  var changes: String {
    let defaults = FlatQuantSettings()
    var parts: [String] = []
    func note<Value: Equatable>(_ path: KeyPath<Self, Value>, _ text: (Value) -> String) {
      if self[keyPath: path] != defaults[keyPath: path] { parts.append(text(self[keyPath: path])) }
    }
    note(\.epochs) { "\($0) epochs" }
    note(\.batchSize) { "batches of \($0)" }
    note(\.learningRate) { "rate \($0)" }
    note(\.clipLearningRate) { "clip rate \($0)" }
    note(\.finalLearningRate) { "final rate \($0)" }
    note(\.warmUp) { "warm-up \($0)" }
    note(\.weightDecay) { "decay \($0)" }
    note(\.parametrisation) { $0.rawValue }
    note(\.learnsTransforms) { _ in "no transforms" }
    note(\.learnsScales) { _ in "no scales" }
    note(\.learnsClipping) { _ in "no clipping" }
    note(\.sharedActivationClip) { _ in "clips per layer" }
    note(\.scaleStart) { "scales from \($0.rawValue)" }
    return parts.joined(separator: ", ")
  }

  /// The steps of a block for a number of calibration samples.
  func steps(samples: Int) -> Int { epochs * ((samples + batchSize - 1) / batchSize) }
}

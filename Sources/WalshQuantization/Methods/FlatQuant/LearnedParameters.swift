import WalshTensor

/// The tensors that a block's calibration learns, in two groups with learning rates of their own.
struct LearnedParameters {
  /// The place of one tensor.
  enum Key: Hashable {
    /// A matrix or a scale.
    case transform(Int)
    /// Clip logits.
    case clip(Int)
  }

  /// Matrices and scales.
  var transforms: [Tensor] = []
  /// Clip logits.
  var clips: [Tensor] = []

  mutating func addTransform(_ tensor: Tensor) -> Key {
    transforms.append(tensor)
    return .transform(transforms.count - 1)
  }

  /// Logits of 4: σ(4) = 0.982.
  mutating func addClip(count: Int) -> Key {
    clips.append(Tensor(shape: [count], repeating: 4))
    return .clip(clips.count - 1)
  }

  subscript(key: Key) -> Tensor {
    get {
      switch key {
      case .transform(let i): transforms[i]
      case .clip(let i): clips[i]
      }
    }
    set {
      switch key {
      case .transform(let i): transforms[i] = newValue
      case .clip(let i): clips[i] = newValue
      }
    }
  }

  /// The same values as variables.
  func tracked() -> LearnedParameters {
    var copy = self
    copy.transforms = transforms.map { $0.tracked() }
    copy.clips = clips.map { $0.tracked() }
    return copy
  }

  /// Every tensor, transforms first.
  var all: [Tensor] { transforms + clips }
}

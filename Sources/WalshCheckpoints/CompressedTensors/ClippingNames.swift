import WalshFormats

/// The names of the tensors that say what is clipped of activations: F32 [2], the parts that remain of the smallest and of
/// the largest value of a token, or of a head in the cache.
public enum ClippingNames {
  /// For the input of the layer at `path`.
  public static func input(of path: String) -> String { path + ".input_clip" }
  /// For the keys of the attention at `path`.
  public static func keys(of path: String) -> String { path + ".k_cache_clip" }
  /// For the values of the attention at `path`.
  public static func values(of path: String) -> String { path + ".v_cache_clip" }
}

extension Checkpoint {
  /// The clip ratio stored as `name`.
  ///
  /// - Throws: `CheckpointError` when it is missing, no pair of numbers, or one of them is not within (0, 1].
  public func clipRatio(_ name: String) throws(CheckpointError) -> ClipRatio {
    let stored = try tensor(name)
    guard stored.shape == [2] else {
      throw CheckpointError(stored.origin, "the tensor \(name) has the shape \(stored.shape), not [2].")
    }
    let values = try stored.tensor(checkingFinite: true).values
    guard values.allSatisfy({ $0 > 0 && $0 <= 1 }) else {
      throw CheckpointError(
        stored.origin, "the tensor \(name) holds \(values); clip ratios are above 0 and at most 1.")
    }
    return ClipRatio(lower: values[0], upper: values[1])
  }
}

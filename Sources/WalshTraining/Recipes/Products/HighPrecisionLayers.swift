import Foundation

/// Which linear layers are left in bfloat16.
///
/// The output head, embeddings and routers always are, whatever a recipe says; see `LayerContext.isNeverQuantized`.
public enum HighPrecisionLayers: Sendable, Hashable {
  /// No others.
  case none
  /// All linear layers of the first and last blocks; the FP8 baseline keeps 1 and 2, NVIDIA's 12B model 2 and 8 of 62.
  case blocks(first: Int, last: Int)
  /// All linear layers of the last ⌈fraction · blocks⌉ blocks. The default of NVFP4 is 0.15.
  case lastBlocks(fraction: Double)
  /// Layers by module path, or a path that theirs begins with, such as `model.layers.3`.
  case listed([String])
  /// The ⌈fraction · layers⌉ layers whose weight gradients suffer most, measured during the first `steps` steps while
  /// all layers train in bfloat16.
  case largestGradientError(fraction: Double, steps: Int)

  /// Whether `layer` is kept by a rule that needs no measurement.
  func contains(_ layer: LayerContext) -> Bool {
    switch self {
    case .none, .largestGradientError: false
    case .blocks(let first, let last): layer.block < first || layer.block >= layer.blockCount - last
    case .lastBlocks(let fraction):
      layer.block >= layer.blockCount - Self.share(fraction, of: layer.blockCount)
    case .listed(let paths): paths.contains { layer.path == $0 || layer.path.hasPrefix($0 + ".") }
    }
  }

  /// ⌈fraction · count⌉; a product that misses an integer by rounding alone counts as that integer.
  static func share(_ fraction: Double, of count: Int) -> Int {
    min(max(Int((fraction * Double(count) - 1e-9).rounded(.up)), 0), count)
  }
}

extension LayerContext {
  /// Whether this is an output head, an embedding or the router of a mixture of experts, which stay in bfloat16.
  public var isNeverQuantized: Bool {
    let name = path.split(separator: ".").last ?? ""
    return ["lm_head", "embed_tokens", "wte", "router", "gate"].contains(name)
  }
}

/// How the E4M3 scale of a 16-element block, and the scale of its whole tensor, follow from largest magnitudes.
///
/// The tensor scale G is a **divisor**, as compressed-tensors stores it: x̂ = code · s / G, with G = 2688 / A for the
/// tensor's largest magnitude A (2688 = 448 · 6). The schemes agree up to the last bit of a few block scales; they
/// differ in the order of Float32 operations, the smallest scale, and what a zero block stores.
public enum E4M3Scheme: String, CaseIterable, Hashable, Sendable {
  /// s = E4M3(am · (G · ⅙)), x · (1 / (s · (1/G))). TransformerEngine; zero blocks store 0.
  case transformerEngine = "TE"
  /// s = E4M3(G · (am / 6)), x / (s / G); a zero scale becomes 0.125. compressed-tensors.
  case compressedTensors = "CT"
  /// s = E4M3((am / 6) / (A / 2688)) clamped to [2⁻⁶, 448], x · (G / s). torchao.
  case torchao = "TORCHAO"
  /// s = E4M3(am / (6 · A / 2688)) clamped to [2⁻⁹, 448]; zero blocks store 1. Model-Optimizer.
  case modelOptimizer = "MODELOPT"
  /// Four Over Six: am mapped to 6 or to 4, whichever has the smaller squared error; G = 1536 / A. arXiv 2512.02010.
  case fourOverSixMSE = "46MSE"
  /// Four Over Six by mean absolute error. TransformerEngine's default.
  case fourOverSixMAE = "46MAE"
  /// M = 6·16/17 in place of 6: no element saturates however the scale is rounded, so stochastic rounding is unbiased.
  case margin = "MARGIN"
  /// No tensor scale: s = E4M3(am / 6). MLX. Blocks with am ≤ 0.00586 flush to zero: prefer two levels.
  case oneLevel = "ONELEVEL"
  /// No tensor scale, s clamped to [2⁻⁶, 448]. torchao for inference.
  case torchaoOneLevel = "TORCHAO1"

  /// Whether the tensor has a scale of its own.
  public var isTwoLevel: Bool { self != .oneLevel && self != .torchaoOneLevel }

  /// Whether each block chooses between mapping its maximum to 6 and to 4.
  public var isFourOverSix: Bool { self == .fourOverSixMSE || self == .fourOverSixMAE }

  /// What the margin scheme divides by in place of 6.
  static let marginLargest: Float = 6 * 16 / 17

  /// G · A: the value on which the tensor's largest magnitude lands.
  private var span: Float {
    switch self {
    case .fourOverSixMSE, .fourOverSixMAE: 256 * 6
    case .margin: 448 * Self.marginLargest
    default: 448 * 6
    }
  }

  /// The tensor scale G, a divisor, for a tensor with the largest magnitude `amax`; nil for one-level schemes.
  ///
  /// 1 for a tensor of zeros; at most the largest Float32, also where span / amax overflows.
  public func tensorScale(amax: Float) -> Float? {
    guard isTwoLevel else { return nil }
    guard amax > 0 else { return 1 }
    let scale = self == .torchao ? 1 / (amax / span) : span / amax
    return min(scale, .greatestFiniteMagnitude)
  }

  /// The stored block scale for a block with the largest magnitude `amax`; 0x7F (NaN) when it is not finite.
  ///
  /// Four Over Six: the scale that maps the maximum to 6.
  ///
  /// - Parameters:
  ///   - amax: the largest magnitude of the block.
  ///   - tensorScale: G, 1 for one-level schemes.
  ///   - tensorAmax: A, which torchao's order of operations needs beside G.
  func byte(amax: Float, tensorScale: Float, tensorAmax: Float) -> UInt8 {
    guard amax.isFinite else { return 0x7F }
    switch self {
    case .transformerEngine: return E4M3.encode(amax * (tensorScale * (1 / 6)))
    case .compressedTensors:
      let byte = E4M3.encode(tensorScale * (amax / 6))
      return byte == 0 ? 0x20 : byte
    case .torchao: return E4M3.encode(max(amax / 6 / (tensorAmax > 0 ? tensorAmax / span : 1), 0x1p-6))
    case .modelOptimizer:
      if amax == 0 { return E4M3.encode(1) }
      return E4M3.encode(max(amax / (6 * (tensorAmax > 0 ? tensorAmax / span : 1)), 0x1p-9))
    case .fourOverSixMSE, .fourOverSixMAE: return E4M3.encode(amax / 6 * tensorScale)
    case .margin: return E4M3.encode(amax / Self.marginLargest * tensorScale)
    case .oneLevel: return E4M3.encode(amax / 6)
    case .torchaoOneLevel: return E4M3.encode(max(amax / 6, 0x1p-6))
    }
  }
}

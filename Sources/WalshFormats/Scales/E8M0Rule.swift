import Foundation

/// How the power-of-two scale of an MX block follows from its largest magnitude, `am`.
///
/// Every rule gives byte 0 for am = 0, byte 255 (NaN) when the block holds NaN or infinity, and is clamped to 0…254.
/// The ranges below say where am / scale lands for E2M1 elements, whose largest value is 6.
public enum E8M0Rule: String, CaseIterable, Hashable, Sendable {
  /// ⌊log2 am⌋ − emax: [4, 8), clips above 6. The OCP text, torchao's default, ggml.
  case floor = "FLOOR"
  /// One more unless am is a power of two: (2, 4], never clips, wastes the upper codes.
  case ceil = "CEIL"
  /// FLOOR after rounding am to the element's mantissa width: [3.5, 7). compressed-tensors, vLLM, AMD.
  case even = "EVEN"
  /// ⌈log2(am · (1/largest))⌉ in Float32: (3, 6], never clips. cuBLAS, the hardware conversion, TransformerEngine.
  case rceil = "RCEIL"
  /// round(log2(am / largest)): about [4.24, 8.49). MLX.
  case logRound = "LOGROUND"
  /// ⌈log2(am / largest)⌉ with a real logarithm: (3, 6]. Model-Optimizer.
  case ceilLog = "CEILLOG"
  /// FLOOR on am, the data multiplied by 3/4 before and the result by 4/3 after: [3, 6), never clips. Tseng et al.
  case staticThreeQuarters = "STATIC34"
  /// FLOOR, one more when am / scale is strictly above 7. AMD's option; differs from EVEN at exactly 7.
  case midmax = "MIDMAX"
  /// EVEN that switches up at 7.25. AMD's option.
  case uos = "UOS"
  /// EVEN that switches up at 6. AMD's option.
  case uos6 = "UOS6"
  /// ⌊log2(c·σ + 1e−8)⌋ with c = 2.92247856 / 6 and σ the block's standard deviation. Quartet's forward pass.
  case stdClip = "STDCLIP"

  /// What the data is multiplied by before it meets the scale; decoding divides by it.
  public var dataFactor: Float { self == .staticThreeQuarters ? 0.75 : 1 }

  /// The stored byte for a block with the largest magnitude `amax`.
  ///
  /// - Parameters:
  ///   - amax: the largest magnitude of the block; NaN or infinity gives 255.
  ///   - element: the format of the block's elements.
  ///   - deviation: the block's population standard deviation; only `stdClip` asks for it.
  public func byte(amax: Float, element: ElementFormat, deviation: () -> Float) -> UInt8 {
    guard amax.isFinite else { return E8M0.nan }
    if amax == 0 { return 0 }
    let bits = amax.bitPattern
    let floored = Int(bits >> 23) - element.largestExponent
    func rounded(by constant: UInt32) -> Int { Int((bits + constant) >> 23) - element.largestExponent }
    let byte: Int
    switch self {
    case .floor, .staticThreeQuarters: byte = floored
    case .ceil: byte = floored + (bits & 0x7F_FFFF != 0 ? 1 : 0)
    case .even: byte = rounded(by: 1 << UInt32(22 - element.mantissaBits))
    case .uos: byte = rounded(by: 0x18_0000)
    case .uos6: byte = rounded(by: 0x40_0000)
    case .midmax: byte = floored + (floored > 0 && amax * E8M0.reciprocal(UInt8(floored)) > 7 ? 1 : 0)
    case .rceil:
      let ratio = (amax * (1 / element.largest)).bitPattern
      let exponent = Int(ratio >> 23)
      let mantissa = ratio & 0x7F_FFFF
      byte = exponent + (mantissa > (exponent == 0 ? 0x40_0000 : 0) ? 1 : 0)
    case .logRound: byte = 127 + Int(log2(Double(amax) / Double(element.largest)).rounded(.toNearestOrEven))
    case .ceilLog: byte = 127 + Int(log2(Double(amax) / Double(element.largest)).rounded(.up))
    case .stdClip: byte = 127 + Int(log2(2.92247856 / 6 * Double(deviation()) + 1e-8).rounded(.down))
    }
    return UInt8(min(max(byte, 0), 254))
  }
}

import CKernels
import WalshTensor

/// Whole groups at once, by the kernels of `quantize.h`.
extension GroupCodec {
  /// Whether there is a kernel for elements rounded this way: for all but integers that round ties to one side.
  static func hasKernel(_ element: ElementFormat, _ rounding: Rounding) -> Bool {
    !element.isInteger || rounding.hasKernel
  }

  /// Rounds `count` values, the first being element `first` of its tensor.
  func round(
    _ x: UnsafePointer<Float>, count: Int, rounding: Rounding, at first: Int, into y: UnsafeMutablePointer<Float>,
    isa: InstructionSet
  ) {
    guard element.isInteger else {
      var format = element.kernelFormat
      return withWords(rounding, from: first, count: count) { words in
        walsh_round_floats(
          isa.rawValue, x, count, &format, operand, divides ? 1 : 0, scale, rounding.kernelCode, words, y)
      }
    }
    withWords(rounding, from: first, count: count) { words in
      walsh_round_integers(isa.rawValue, x, count, quotientScale, Float(zeroPoint), top, words, y)
    }
    if scale == 0 { for i in 0..<count { y[i] = 0 * scale } }
  }

  /// Encodes `count` values, one code a byte; see `round`.
  func encode(
    _ x: UnsafePointer<Float>, count: Int, rounding: Rounding, at first: Int, into codes: UnsafeMutablePointer<UInt8>,
    isa: InstructionSet
  ) {
    guard element.isInteger else {
      var format = element.kernelFormat
      return withWords(rounding, from: first, count: count) { words in
        walsh_encode_floats(
          isa.rawValue, x, count, &format, operand, divides ? 1 : 0, rounding.kernelCode, words, codes)
      }
    }
    withWords(rounding, from: first, count: count) { words in
      walsh_encode_integers(isa.rawValue, x, count, quotientScale, Float(zeroPoint), top, words, codes)
    }
  }

  /// Adds the squared errors of rounding a group of E2M1 elements to nearest even to sixteen lanes, element i to lane
  /// i mod 16, or returns false for other elements.
  func addErrors(
    _ x: UnsafeBufferPointer<Float>, to lanes: UnsafeMutableBufferPointer<Float>, isa: InstructionSet
  ) -> Bool {
    guard element == .e2m1 else { return false }
    walsh_fp4_errors(
      isa.rawValue, x.baseAddress, x.count, operand, divides ? 1 : 0, scale, lanes.baseAddress)
    return true
  }

  /// The largest code of an integer format.
  private var top: Float { Float(1 << element.bits - 1) }

  /// The scale to divide by: that of zero leaves zeros.
  private var quotientScale: Float { scale == 0 ? .nan : scale }

  private func withWords(
    _ rounding: Rounding, from first: Int, count: Int, _ body: (UnsafePointer<UInt32>?) -> Void
  ) {
    guard let stream = rounding.stream else { return body(nil) }
    stream.withWords(from: first, count: count) { body($0) }
  }
}

extension Rounding {
  /// The rule's number in `quantize.h`.
  fileprivate var kernelCode: Int32 {
    switch self {
    case .nearestEven: Int32(WALSH_NEAREST_EVEN)
    case .nearestTowardZero: Int32(WALSH_TOWARD_ZERO)
    case .nearestAwayFromZero: Int32(WALSH_AWAY_FROM_ZERO)
    case .stochastic: Int32(WALSH_STOCHASTIC)
    }
  }
}

extension ElementFormat {
  /// A floating-point format as the kernels take it.
  fileprivate var kernelFormat: walsh_minifloat {
    switch self {
    case .int: preconditionFailure("Integers have kernels of their own.")
    case .e2m1: E2M1.kernelFormat
    case .e2m3: E2M3.kernelFormat
    case .e3m2: E3M2.kernelFormat
    case .e4m3: E4M3.kernelFormat
    case .e5m2: E5M2.kernelFormat
    }
  }
}

extension MiniFloat {
  fileprivate static var kernelFormat: walsh_minifloat {
    walsh_minifloat(
      bits: UInt32(bits), mantissa_bits: UInt32(mantissaBits), bias: UInt32(bias), largest: largest,
      nan_code: UInt32(nanCode ?? 0), nan_value: decode(nanCode ?? 0))
  }
}

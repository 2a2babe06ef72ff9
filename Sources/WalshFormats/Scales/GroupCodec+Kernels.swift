import CKernels
import WalshTensor

/// Whole groups at once, by the kernels of `quantize.h`.
extension GroupCodec {
  /// Rounds `count` values of an integer format, to nearest even or stochastically, the first being element `first` of
  /// its tensor.
  func roundIntegers(
    _ x: UnsafePointer<Float>, count: Int, rounding: Rounding, at first: Int, into y: UnsafeMutablePointer<Float>,
    isa: InstructionSet
  ) {
    withWords(rounding, from: first, count: count) { words in
      walsh_round_integers(isa.rawValue, x, count, quotientScale, Float(zeroPoint), top, words, y)
    }
    if scale == 0 { for i in 0..<count { y[i] = 0 * scale } }
  }

  /// Encodes `count` values of an integer format, one code a byte; see `roundIntegers`.
  func encodeIntegers(
    _ x: UnsafePointer<Float>, count: Int, rounding: Rounding, at first: Int, into codes: UnsafeMutablePointer<UInt8>,
    isa: InstructionSet
  ) {
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

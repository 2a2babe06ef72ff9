import CKernels
import Testing

@testable import WalshCheckpoints

@Suite("Half precision")
struct HalfTests {
  /// Converts through the kernel.
  private func floats(_ patterns: [UInt16], _ kernel: (UnsafeRawPointer, UnsafeMutablePointer<Float>, Int) -> Void)
    -> [Float]
  {
    var result = [Float](repeating: 0, count: patterns.count)
    patterns.withUnsafeBytes { source in
      result.withUnsafeMutableBufferPointer { kernel(source.baseAddress!, $0.baseAddress!, patterns.count) }
    }
    return result
  }

  private func halves(_ values: [Float], _ kernel: (UnsafePointer<Float>, UnsafeMutableRawPointer, Int) -> Void)
    -> [UInt16]
  {
    var result = [UInt16](repeating: 0, count: values.count)
    result.withUnsafeMutableBytes { kernel(values, $0.baseAddress!, values.count) }
    return result
  }

  #if !(os(macOS) && arch(x86_64))
    @Test("All 65536 halves become the Float32 that the standard library gives")
    func allHalves() {
      let patterns = (0...UInt16.max).map(\.self)
      for (pattern, value) in zip(patterns, floats(patterns, walsh_float_from_half)) {
        let expected = Float(Float16(bitPattern: pattern))
        #expect(value.bitPattern == expected.bitPattern || (value.isNaN && expected.isNaN))
      }
    }

    @Test("Float32 is rounded to halves to nearest even, around every half and every tie")
    func rounding() {
      var values: [Float] = [
        .nan, .infinity, -.infinity, 65519.996, 65520, 65536, 1e30, 0x1p-25, (0x1p-25 as Float).nextUp, 0x1p-133,
      ]
      for pattern in UInt16(0)..<0x7C00 {
        let low = Float(Float16(bitPattern: pattern))
        let tie = (low + Float(Float16(bitPattern: pattern + 1))) / 2
        values += [low, low.nextUp, low.nextDown, -low]
        if tie.isFinite { values += [tie, tie.nextUp, -tie.nextDown] }
      }
      for (value, half) in zip(values, halves(values, walsh_half_from_float)) {
        let expected = Float16(value)
        #expect(half == expected.bitPattern || (value.isNaN && Float16(bitPattern: half).isNaN), "\(value)")
      }
    }
  #endif

  @Test("All bfloat16 survive the way to Float32 and back, and ties go to even")
  func bfloat16() {
    let patterns = (0...UInt16.max).filter { $0 & 0x7FFF <= 0x7F80 }
    let values = floats(patterns, walsh_float_from_bfloat16)
    #expect(halves(values, walsh_bfloat16_from_float) == patterns)
    let ties: [Float] = [
      Float(bitPattern: 0x3F80_8000), Float(bitPattern: 0x3F81_8000), Float(bitPattern: 0x3F80_8001),
    ]
    #expect(
      halves(ties + [.greatestFiniteMagnitude, .nan], walsh_bfloat16_from_float) == [
        0x3F80, 0x3F82, 0x3F81, 0x7F80, 0x7FC0,
      ])
  }

  @Test("The first value that is not finite is found at every position")
  func firstNotFinite() {
    for count in [0, 1, 15, 1024, 1025, 3000] {
      var values = [Float](repeating: -0.0, count: count)
      #expect(walsh_first_not_finite(values, count) == count)
      for position in Set([0, count / 2, count - 1]) where count > 0 {
        values[position] = position % 2 == 0 ? .nan : -.infinity
        #expect(walsh_first_not_finite(values, count) == position)
        values[position] = .greatestFiniteMagnitude
      }
    }
  }
}

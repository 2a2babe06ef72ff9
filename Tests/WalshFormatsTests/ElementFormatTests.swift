import Foundation
import Testing

@testable import WalshFormats

@Suite("Number formats, sections 2.1 and 5.1: element codecs")
struct ElementFormatTests {
  static let floats: [ElementFormat] = [.e2m1, .e2m3, .e3m2, .e4m3, .e5m2]

  /// The textbook value of a code, from powers in Float64.
  private func textbook(_ code: Int, exponentBits: Int, mantissaBits: Int, bias: Int) -> Double {
    let mantissa = Double(code % (1 << mantissaBits)) / Double(1 << mantissaBits)
    let exponent = code >> mantissaBits % (1 << exponentBits)
    let magnitude = exponent == 0 ? mantissa * exp2(Double(1 - bias)) : (1 + mantissa) * exp2(Double(exponent - bias))
    return code >> (exponentBits + mantissaBits) == 1 ? -magnitude : magnitude
  }

  @Test("5.1 every finite code decodes to the textbook value and encodes back to itself")
  func tables() {
    let layouts: [(ElementFormat, Int, Int, Int, Int)] = [
      (.e2m1, 2, 1, 1, 8), (.e2m3, 2, 3, 1, 32), (.e3m2, 3, 2, 3, 32), (.e4m3, 4, 3, 7, 127), (.e5m2, 5, 2, 15, 124),
    ]
    for (format, exponentBits, mantissaBits, bias, finite) in layouts {
      for code in 0..<1 << format.bits {
        let magnitude = code % (1 << (format.bits - 1))
        let value = format.decode(UInt8(code))
        guard magnitude < finite else {
          #expect(format == .e5m2 && magnitude == 0x7C ? value.isInfinite : value.isNaN)
          continue
        }
        #expect(Double(value) == textbook(code, exponentBits: exponentBits, mantissaBits: mantissaBits, bias: bias))
        #expect(format.encode(value) == UInt8(code))
      }
      #expect(format.decode(UInt8(finite - 1)) == format.largest)
    }
  }

  @Test("5.1 the values of E2M1, E2M3 and E3M2 as listed")
  func lists() {
    #expect((0..<8).map { E2M1.decode($0) } == [0, 0.5, 1, 1.5, 2, 3, 4, 6])
    #expect(E2M1.decode(8).sign == .minus && E2M1.decode(8) == 0)
    #expect((0..<16).map { Float(E2M1.doubled[$0]) } == (0..<16).map { 2 * E2M1.decode(UInt8($0)) })
    let e2m3 = [stride(from: 0, to: 2, by: 0.125), stride(from: 2, to: 4, by: 0.25), stride(from: 4, to: 8, by: 0.5)]
    #expect((0..<32).map { Double(E2M3.decode($0)) } == e2m3.flatMap { Array($0) })
    let e3m2: [Float] = [
      0, 0.0625, 0.125, 0.1875, 0.25, 0.3125, 0.375, 0.4375, 0.5, 0.625, 0.75, 0.875, 1, 1.25, 1.5, 1.75, 2, 2.5, 3,
      3.5,
      4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28,
    ]
    #expect((0..<32).map { E3M2.decode($0) } == e3m2)
  }

  @Test("5.1 E8M0: byte 0 is the subnormal 2^-127, 255 is NaN")
  func e8m0() {
    for byte in 0..<255 {
      #expect(Double(E8M0.decode(UInt8(byte))) == exp2(Double(byte - 127)))
      #expect(E8M0.decode(UInt8(byte)) * E8M0.reciprocal(UInt8(byte)) == 1)
    }
    #expect(E8M0.decode(0).bitPattern == 0x0040_0000)
    #expect(E8M0.decode(255).isNaN && E8M0.reciprocal(255).isNaN)
  }

  @Test("5.1 the ties of E2M1 and their neighbours")
  func e2m1Ties() {
    // Each tie with the code below it and the code it goes to.
    let ties: [(Float, UInt8, UInt8)] = [
      (0.25, 0, 0), (0.75, 1, 2), (1.25, 2, 2), (1.75, 3, 4), (2.5, 4, 4), (3.5, 5, 6), (5, 6, 6),
    ]
    for (tie, below, expected) in ties {
      for sign in [Float(1), -1] {
        let minus: UInt8 = sign < 0 ? 8 : 0
        #expect(E2M1.encode(sign * tie) == expected | minus)
        #expect(E2M1.encode(sign * tie.nextDown) == below | minus)
        #expect(E2M1.encode(sign * tie.nextUp) == (below + 1) | minus)
        #expect(E2M1.encode(sign * tie, rounding: .nearestTowardZero) == below | minus)
        #expect(E2M1.encode(sign * tie, rounding: .nearestAwayFromZero) == (below + 1) | minus)
      }
    }
    #expect(E2M1.encode(6) == 7 && E2M1.encode(Float(6).nextUp) == 7 && E2M1.encode(1e30) == 7)
    #expect(E2M1.encode(.infinity) == 7 && E2M1.encode(-.infinity) == 15 && E2M1.encode(.nan) == 0)
    #expect(E2M1.encode(0) == 0 && E2M1.encode(-0.0) == 8)
    #expect(E2M1.encode(.leastNonzeroMagnitude) == 0 && E2M1.encode(-.leastNonzeroMagnitude) == 8)
  }

  @Test(
    "5.1 E4M3 at its edges",
    arguments: [
      (0x1p-10, 0), (Float(0x1p-10).nextUp, 1), (0x1p-9 * 1.5, 2), (0.0146484375, 8), (447.99, 0x7E), (448, 0x7E),
      (449, 0x7E), (463.9, 0x7E), (464, 0x7E), (1e9, 0x7E), (.infinity, 0x7E), (.nan, 0x7F), (255, 0x78), (256, 0x78),
      (272, 0x78), (288, 0x79), (300, 0x79), (400, 0x7C), (0.0166015625, 8),
    ] as [(Float, UInt8)])
  func e4m3(value: Float, code: UInt8) {
    #expect(E4M3.encode(value) == code)
    if !value.isNaN { #expect(E4M3.encode(-value) == code | 0x80) }
  }

  @Test(
    "2.2 E5M2 saturates before the cast",
    arguments: [
      (61439, 0x7B), (61440, 0x7B), (65536, 0x7B), (0x1p-17, 0), (Float(0x1p-17).nextUp, 1), (.infinity, 0x7B),
      (.nan, 0x7F),
    ] as [(Float, UInt8)])
  func e5m2(value: Float, code: UInt8) {
    #expect(E5M2.encode(value) == code)
  }

  @Test("every encoder picks the nearest value, over a sweep of Float32", arguments: floats)
  func nearest(format: ElementFormat) {
    let values = Set((0..<1 << format.bits).map { format.decode(UInt8($0)) }.filter(\.isFinite)).sorted()
    for step in 0..<4000 {
      let x = format.largest * 1.1 * Float(step - 2000) / 2000
      let decoded = format.decode(format.encode(x))
      let least = values.map { abs(Double($0) - Double(x)) }.min() ?? .infinity
      #expect(abs(Double(decoded) - Double(x)) == least)
    }
  }

  @Test("integers saturate, round to even and keep their offset", arguments: 2...8)
  func integers(bits: Int) {
    let format = ElementFormat.int(bits: bits)
    for code in 0..<1 << bits { #expect(format.encode(format.decode(UInt8(code))) == UInt8(code)) }
    #expect(format.decode(0) == -Float(1 << (bits - 1)))
    #expect(format.encode(1e30) == UInt8(1 << bits - 1))
    #expect(format.encode(-1e30) == 0)
    #expect(format.encode(.nan) == UInt8(1 << (bits - 1)))
    #expect(format.decode(format.encode(0.5)) == 0 && format.decode(format.encode(-0.5)) == 0)
    #expect(format.decode(format.encode(-1.5)) == -2)
  }
}

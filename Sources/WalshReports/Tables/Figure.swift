import Foundation

/// How numbers are written in tables and drawings; the same everywhere. NaN is "–".
enum Figure {
  /// With `digits` decimals.
  static func fixed(_ x: Double, _ digits: Int) -> String {
    guard x.isFinite else { return symbol(x) }
    let text = String(format: "%.\(digits)f", abs(x))
    return x < 0 && !isZero(text) ? "−" + text : text
  }

  /// With `digits` significant digits, as a power of ten where it would be very long: 0.0123, 1.2·10⁻⁷.
  static func significant(_ x: Double, _ digits: Int) -> String {
    guard x.isFinite else { return symbol(x) }
    guard x != 0 else { return "0" }
    // The exponent behind rounding: 0.9997 with three digits is 1.00.
    let scientific = String(format: "%.\(digits - 1)e", x)
    let exponent = scientific.split(separator: "e").last.flatMap { Int($0) } ?? 0
    if exponent < -4 || exponent > 5 {
      let mantissa = fixed(x / pow(10, Double(exponent)), digits - 1)
      return (mantissa == "1" ? "" : mantissa + "·") + "10" + superscript(exponent)
    }
    return fixed(x, max(0, digits - 1 - exponent))
  }

  /// With a sign always.
  static func signed(_ x: Double, _ digits: Int) -> String {
    let text = fixed(x, digits)
    return x > 0 && !isZero(text) ? "+" + text : text
  }

  /// Whether nothing of a number is left behind rounding.
  private static func isZero(_ text: String) -> Bool { text.allSatisfy { "0.".contains($0) } }

  /// In percent, with `digits` decimals.
  static func percent(_ x: Double, _ digits: Int) -> String { fixed(100 * x, digits) + " %" }

  /// A size in bytes, in powers of a thousand: 999 B, 3.88 MB.
  static func bytes(_ count: Int) -> String {
    var value = Double(count)
    var units = ["B", "kB", "MB", "GB", "TB"]
    while abs(value) >= 999.5, units.count > 1 {
      value /= 1000
      units.removeFirst()
    }
    return (units[0] == "B" ? "\(count)" : significant(value, 3)) + " " + units[0]
  }

  /// A size that is a power of two or nearly: 512, 4 Ki, 1 Mi.
  static func binary(_ x: Double) -> String {
    if x >= 1_048_576 { return significant(x / 1_048_576, 3).trimmedZeros + " Mi" }
    if x >= 1024 { return significant(x / 1024, 3).trimmedZeros + " Ki" }
    return fixed(x, 0)
  }

  private static func symbol(_ x: Double) -> String { x.isNaN ? "–" : x > 0 ? "∞" : "−∞" }

  private static func superscript(_ n: Int) -> String {
    String(
      String(n).map { character in
        guard let digit = character.wholeNumberValue else { return "⁻" }
        return Array("⁰¹²³⁴⁵⁶⁷⁸⁹")[digit]
      })
  }
}

extension String {
  /// Without zeros at the end of a decimal fraction.
  fileprivate var trimmedZeros: String {
    guard contains(".") else { return self }
    var text = self
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }
}

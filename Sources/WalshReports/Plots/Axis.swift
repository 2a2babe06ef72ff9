import Foundation

/// Maps values to positions along one direction of a drawing, and chooses readable ticks.
struct Axis {
  /// How values are spaced.
  enum Spacing: Sendable {
    /// Evenly.
    case linear
    /// By their logarithm; ticks at 1, 2 and 5 times powers of ten.
    case logarithmic
    /// By their logarithm; ticks at powers of two.
    case binary
  }

  let spacing: Spacing
  /// The values at both ends, tick marks where the axis was rounded out.
  let bounds: ClosedRange<Double>
  /// From one tick of a linear axis to the next.
  private let step: Double
  /// The positions at both ends.
  let start: Double
  let end: Double

  /// An axis from position `start` to `end` that holds all finite `values` (positive ones only, when logarithmic).
  init(_ values: some Sequence<Double>, spacing: Spacing, start: Double, end: Double) {
    self.spacing = spacing
    self.start = start
    self.end = end
    let usable = values.filter { $0.isFinite && (spacing == .linear || $0 > 0) }
    let low = usable.min() ?? (spacing == .linear ? 0 : 1)
    let high = usable.max() ?? 1
    let room = low == high ? max(abs(low), 1) / 2 : 0
    step = Self.step(high - low + 2 * room)
    switch spacing {
    case .linear:
      bounds = ((low - room) / step).rounded(.down) * step...((high + room) / step).rounded(.up) * step
    case .logarithmic:
      let ticks = Self.decimalTicks(low / (low == high ? 2 : 1), high * (low == high ? 2 : 1))
      bounds = (ticks.first ?? low)...(ticks.last ?? high)
    case .binary:
      bounds = exp2(log2(low).rounded(.down))...exp2(log2(high * (low == high ? 2 : 1)).rounded(.up))
    }
  }

  /// The position of `value`; values beyond the ends land on them.
  func position(_ value: Double) -> Double {
    let (low, high, x) = (scaled(bounds.lowerBound), scaled(bounds.upperBound), scaled(value))
    return start + (end - start) * min(1, max(0, (x - low) / (high - low)))
  }

  private func scaled(_ value: Double) -> Double {
    spacing == .linear ? value : log(max(value, .leastNormalMagnitude))
  }

  /// Where to draw ticks, with what to write there.
  var ticks: [(value: Double, label: String)] {
    let (low, high) = (bounds.lowerBound, bounds.upperBound)
    switch spacing {
    case .linear:
      let digits = max(0, Int((-log10(step)).rounded(.up)))
      return (0...Int(((high - low) / step).rounded())).map {
        let value = ((low / step).rounded() + Double($0)) * step
        return (value, Figure.fixed(value, digits))
      }
    case .logarithmic: return Self.decimalTicks(low, high).map { ($0, Figure.significant($0, 1)) }
    case .binary:
      let exponents = Int(log2(low))...Int(log2(high))
      let stride = (exponents.count + 7) / 8
      return exponents.filter { ($0 - exponents.lowerBound) % stride == 0 }.map {
        (exp2(Double($0)), Figure.binary(exp2(Double($0))))
      }
    }
  }

  /// The smallest step of 1, 2 or 5 times a power of ten that cuts `length` in at most six parts and two halves.
  static func step(_ length: Double) -> Double {
    let power = pow(10, log10(length).rounded(.down))
    return ([0.1, 0.2, 0.5, 1].first { length / ($0 * power) <= 7 } ?? 2) * power
  }

  /// Ticks from below `low` to above `high`: 1, 2, 5 times powers of ten, powers of ten alone over more than three decades.
  static func decimalTicks(_ low: Double, _ high: Double) -> [Double] {
    let decades = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
    let steps: [Double] = log10(high / low) > 3 ? [1] : [1, 2, 5]
    let all = decades.flatMap { decade in steps.map { $0 * pow(10, Double(decade)) } }
    let first = all.lastIndex { $0 <= low * (1 + 1e-9) } ?? 0
    let last = all.firstIndex { $0 >= high * (1 - 1e-9) } ?? all.count - 1
    return Array(all[first...last])
  }
}

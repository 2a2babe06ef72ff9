import CKernels
import TestSupport
import Testing
import WalshTensor

@Suite("Kernels of straight-through gradients and clipping")
struct StraightThroughKernelTests {
  static let lengths = [1, 3, 4, 15, 16, 17, 64, 100, 5000]

  @Test("Gradients by value and by scale are those of the definition", arguments: InstructionSet.available, lengths)
  func straightThrough(_ isa: InstructionSet, _ n: Int) {
    for (low, high, scale): (Float, Float, Float) in [(-8, 7, 0.3), (-3, 12, 0.11), (-2, 1, 1)] {
      // Multiples of the scale's half, so that ties occur, and values far outside.
      let x = normal([n], "x").map { ($0 * 16).rounded() * 0.5 * scale }
      let g = normal([n], "g")
      var dx = Tensor.zeros([n])
      let found = x.withUnsafeBufferPointer { x in
        g.withUnsafeBufferPointer { g in
          dx.withUnsafeMutableBufferPointer {
            walsh_straight_through(isa.rawValue, x.baseAddress, g.baseAddress, n, scale, low, high, $0.baseAddress)
          }
        }
      }
      var expected = 0.0
      var magnitude = 0.0
      for i in 0..<n {
        let quotient = x.values[i] / scale
        let rounded = quotient.rounded(.toNearestOrEven)
        let isInside = low <= rounded && rounded <= high
        #expect(dx.values[i] == (isInside ? g.values[i] : 0))
        let slope = isInside ? rounded - quotient : min(max(rounded, low), high)
        expected += Double(slope) * Double(g.values[i])
        magnitude += Double(abs(slope * g.values[i]))
      }
      #expect(abs(found - expected) <= 1e-6 * magnitude)
    }
  }

  @Test("Clipping and its gradient, ends included", arguments: InstructionSet.available, lengths)
  func clip(_ isa: InstructionSet, _ n: Int) {
    let x = normal([n], "x").map { ($0 * 4).rounded() / 4 }
    let g = normal([n], "g")
    let (low, high): (Float, Float) = (-0.75, 1.25)
    var (y, dx) = (Tensor.zeros([n]), Tensor.zeros([n]))
    var sums = [0.0, 0]
    x.withUnsafeBufferPointer { x in
      g.withUnsafeBufferPointer { g in
        y.withUnsafeMutableBufferPointer { walsh_clip(isa.rawValue, x.baseAddress, n, low, high, $0.baseAddress) }
        dx.withUnsafeMutableBufferPointer {
          walsh_clip_gradient(isa.rawValue, x.baseAddress, g.baseAddress, n, low, high, $0.baseAddress, &sums)
        }
      }
    }
    #expect(y.values == x.values.map { min(max($0, low), high) })
    #expect(dx.values == zip(x.values, g.values).map { low <= $0 && $0 <= high ? $1 : 0 })
    let below = zip(x.values, g.values).reduce(0.0) { $0 + ($1.0 < low ? Double($1.1) : 0) }
    let above = zip(x.values, g.values).reduce(0.0) { $0 + ($1.0 > high ? Double($1.1) : 0) }
    #expect(abs(sums[0] - below) < 1e-6 * Double(n) && abs(sums[1] - above) < 1e-6 * Double(n))
  }

  @Test("The first index of a value, n for none", arguments: InstructionSet.available, lengths)
  func firstIndex(_ isa: InstructionSet, _ n: Int) {
    var values = [Float](repeating: 1, count: n)
    #expect(walsh_first_index(isa.rawValue, values, n, 2) == n)
    values[n - 1] = 2
    #expect(walsh_first_index(isa.rawValue, values, n, 2) == n - 1)
    values[n / 2] = 2
    #expect(walsh_first_index(isa.rawValue, values, n, 2) == n / 2)
  }
}

import CKernels
import Foundation
import TestSupport
import Testing
import WalshTensor

@Suite("Element by element")
struct ElementwiseTests {
  private let a = Tensor([1, -2, 3, 4.5, 0, -6], shape: [2, 3])
  private let b = Tensor([2, 2, -1, 0.5, 7, 3], shape: [2, 3])

  @Test("Sum, difference, Hadamard product, scaling and in-place sum")
  func arithmetic() {
    #expect((a + b).values == [3, 0, 2, 5, 7, -3])
    #expect((a - b).values == [-1, -4, 4, 4, -7, -9])
    #expect((a * b).values == [2, -4, -3, 2.25, 0, -18])
    #expect((a * 2).values == [2, -4, 6, 9, 0, -12])
    var c = a
    c += b
    #expect(c == a + b)
    #expect(a[0, 0] == 1)
    c += c
    #expect(c == (a + b) * 2)
  }

  @Test("Vectors act on columns, or on rows")
  func rowsAndColumns() {
    let v = Tensor([10, 100, 4])
    #expect(a.scalingColumns(by: v).values == [10, -200, 12, 45, 0, -24])
    #expect(a.dividingColumns(by: Tensor([2, 4, 8])).values == [0.5, -0.5, 0.375, 2.25, 0, -0.75])
    #expect(a.addingToRows(v).values == [11, 98, 7, 14.5, 100, -2])
    #expect(a.scalingRows(by: Tensor([2, -1])).values == [2, -4, 6, -4.5, 0, 6])
    #expect(Tensor.zeros([0, 3]).addingToRows(v).shape == [0, 3])
    #expect(Tensor.zeros([2, 0]).scalingRows(by: Tensor([1, 2])).shape == [2, 0])
  }

  /// From where eˣ underflows to where it overflows, with every exponent between.
  static let line = Tensor((-2400...2400).map { Float($0) * 0.045 })

  @Test("Activations agree with Float64 along the whole line")
  func activations() {
    func check(_ result: Tensor, tolerance: Double, _ reference: (Double) -> Double) {
      for (x, y) in zip(Self.line.values, result.values) {
        let expected = reference(Double(x))
        // Left of −88.7, e⁻ˣ is infinite in Float32 and silu is 0, which is less than 2⁻¹²¹ away.
        #expect(abs(Double(y) - expected) <= tolerance * abs(expected) + 0x1p-121, "at \(x)")
      }
    }
    check(Self.line.silu(), tolerance: 5e-7) { $0 / (1 + exp(-$0)) }
    check(Self.line.relu(), tolerance: 0) { max($0, 0) }
    let near = Self.line.values.filter { abs($0) < 5 }
    for (x, y) in zip(near, Tensor(near).gelu().values) {
      #expect(abs(Double(y) - 0.5 * Double(x) * erfc(-Double(x) / 2.0.squareRoot())) <= 4e-7)
    }
    for (x, y) in zip(near, Tensor(near).geluTanh().values) {
      let u = (2 / Double.pi).squareRoot() * (Double(x) + 0.044715 * Double(x * x * x))
      #expect(abs(Double(y) - 0.5 * Double(x) * (1 + tanh(u))) <= 2e-6)
    }
  }

  @Test("The kernels of exp give the same bits for every instruction set, whole vectors and rests alike")
  func instructionSets() {
    for count in [0, 1, 7, 16, 37, 4801] {
      let x = Array(Self.line.values.prefix(max(0, count - 1))) + (count > 0 ? [.nan] : [])
      let up = x.indices.map { Float($0 % 7) - 3 }
      /// All results; the sign of a NaN belongs to the instruction set.
      func results(_ isa: InstructionSet) -> [Float?] {
        var (y, z) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
        var all: [Float] = []
        let code = isa.rawValue
        walsh_exp(code, x, &y, count)
        all += y
        walsh_sigmoid(code, x, &y, count)
        all += y
        walsh_silu_gradient(code, x, up, &y, count)
        all += y
        walsh_silu_gated(code, x, up, &y, count)
        all += y
        walsh_silu_gated_gradients(code, x, up, up, &y, &z, count)
        all += y + z
        y = x
        all.append(Float(walsh_exp_shifted(code, &y, 1, count)))
        return (all + y).map { $0.isNaN ? nil : $0 }
      }
      let expected = results(.base)
      for isa in InstructionSet.available {
        let isEqual = results(isa) == expected
        #expect(isEqual, "\(isa), \(count) values")
      }
    }
  }

  @Test("Gated SiLU is silu(x) ⊙ up in one pass, and bfloat16 rounding goes to even and keeps NaN")
  func fusedAndRounded() {
    let up = Self.line.map { $0 * 0.5 - 1 }
    #expect(Self.line.siluGating(up) == Self.line.silu() * up)
    let rounded = Tensor([1, 1.003_906_25, 1.011_718_75, -1.003_906_25, .nan, .infinity, 3.4e38]).roundedToBFloat16()
    #expect(Array(rounded.values.prefix(4)) == [1, 1, 1.015_625, -1])
    #expect(rounded[4].isNaN && rounded[5] == .infinity && rounded[6] == .infinity)
  }

  @Test("Transposing blocks, rests, and stacks of matrices")
  func transposing() {
    for (m, n) in [(1, 1), (4, 4), (5, 7), (3, 130), (67, 33), (16, 64), (0, 3), (3, 0)] {
      let x = Tensor((0..<2 * m * n).map(Float.init), shape: [2, m, n])
      let y = x.transposed()
      #expect(y.shape == [2, n, m])
      for b in 0..<2 { for i in 0..<m { for j in 0..<n { #expect(y[b, j, i] == x[b, i, j]) } } }
    }
  }

  @Test("Activations far out: the identity on the right, zero on the left, NaN for NaN")
  func extremes() {
    let x = Tensor([1e30, -1e30, .nan, .infinity, 0])
    for y in [x.silu(), x.geluTanh(), x.gelu(), x.relu()] {
      #expect(y[0] == 1e30)
      #expect(y[1] == 0)
      #expect(y[2].isNaN)
      #expect(y[3] == .infinity)
      #expect(y[4] == 0)
    }
  }
}

@Suite("Reductions")
struct ReductionTests {
  @Test("Sums are taken in Float64, for counts around the lanes", arguments: [0, 1, 7, 8, 9, 1000, 1003])
  func sums(count: Int) {
    let x = normal([count], "x")
    let wide = x.values.map(Double.init)
    #expect(abs(x.sum - wide.reduce(0, +)) <= 1e-12 * Double(count))
    #expect(abs(x.sumOfSquares - wide.reduce(0) { $0 + $1 * $1 }) <= 1e-12 * Double(count))
    if count > 0 { #expect(x.mean == x.sum / Double(count)) }
  }

  @Test("A sum keeps what Float32 would lose")
  func wideSum() {
    #expect(Tensor([0x1p30, 1, -0x1p30]).sum == 1)
    #expect(Tensor([3e30]).sumOfSquares > 8e60)
    #expect(Tensor([]).mean.isNaN)
  }

  @Test("The largest magnitude, per tensor and per column; NaN wins over infinity")
  func magnitudes() {
    let x = Tensor([1, -5, 2, -3, 4, -0.0], shape: [2, 3])
    #expect(x.maxMagnitude == 5)
    #expect(x.columnMaxMagnitudes.values == [3, 5, 2])
    #expect(Tensor([]).maxMagnitude == 0)
    #expect(Tensor.zeros([0, 2]).columnMaxMagnitudes.values == [0, 0])
    let bad = Tensor([1, -.infinity, .nan, 2, .infinity, 1], shape: [2, 3])
    #expect(bad.maxMagnitude.isNaN)
    #expect(bad.columnMaxMagnitudes[1] == .infinity)
    #expect(bad.columnMaxMagnitudes[2].isNaN)
    #expect(bad.firstNonFinite == 1)
    #expect(x.firstNonFinite == nil)
    #expect(Tensor([0, .nan]).sum.isNaN && Tensor([0, .nan]).sumOfSquares.isNaN)
  }

  @Test("The largest position is the first of equals and never NaN")
  func argMax() {
    let rows: [([Float], Int)] = [
      ([1, 3, 3], 1), ([-.infinity, -.infinity, -.infinity], 0), ([.nan, -.infinity, -.infinity], 1),
      ([.nan, 1, .nan], 1), ([2, .nan, 1], 0), ([.nan, .nan, .nan], 0), ([-1, -3, .infinity], 2),
    ]
    for (row, expected) in rows { #expect(Tensor(row, shape: [1, 3]).argMax == [expected], "\(row)") }
    #expect(Tensor(rows.flatMap(\.0), shape: [rows.count, 3]).argMax == rows.map(\.1))
    #expect(Tensor.zeros([0, 3]).argMax.isEmpty)
  }
}

import CKernels
import TestSupport
import Testing
import WalshTensor

@Suite("Kronecker kernels")
struct KroneckerKernelTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let isa: InstructionSet
    let n1: Int
    let n2: Int
    var hasScale = true
    var hasRight = true
    var testDescription: String {
      "\(isa), \(n1)×\(n2)\(hasScale ? "" : ", no scale")\(hasRight ? "" : ", identity on the right")"
    }
  }

  static let cases = InstructionSet.available.flatMap { isa in
    [
      Case(isa: isa, n1: 1, n2: 7), Case(isa: isa, n1: 3, n2: 5), Case(isa: isa, n1: 8, n2: 8, hasScale: false),
      Case(isa: isa, n1: 9, n2: 44), Case(isa: isa, n1: 16, n2: 33, hasRight: false),
      Case(isa: isa, n1: 6, n2: 61, hasScale: false, hasRight: false),
    ]
  }

  private let rows = 5

  @Test("Rows and all gradients are those of the definition in Float64", arguments: cases)
  func reference(_ c: Case) {
    let (n1, n2, n) = (c.n1, c.n2, c.n1 * c.n2)
    let x = normal([rows, n], "x")
    let g = normal([rows, n], "g")
    let scale = normal([n], "scale")
    let left = normal([n1, n1], "left")
    let right = c.hasRight ? normal([n2, n2], "right") : Tensor.identity(n2)
    let turned = right.transposed()
    var (y, dx) = (Tensor.zeros([rows, n]), Tensor.zeros([rows, n]))
    var (ds, dl, dr) = (Tensor.zeros([n]), Tensor.zeros([n1, n1]), Tensor.zeros([n2, n2]))
    var scratch = Tensor.zeros([4 * n])
    x.withUnsafeBufferPointer { x in
      g.withUnsafeBufferPointer { g in
        scale.withUnsafeBufferPointer { scale in
          left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in
              turned.withUnsafeBufferPointer { turned in
                var operands = walsh_kronecker(
                  n1: n1, n2: n2, scale: c.hasScale ? scale.baseAddress : nil, left: left.baseAddress,
                  right: c.hasRight ? right.baseAddress : nil,
                  right_transposed: c.hasRight ? turned.baseAddress : nil)
                scratch.withUnsafeMutableBufferPointer { scratch in
                  y.withUnsafeMutableBufferPointer {
                    walsh_kronecker_apply(
                      c.isa.rawValue, &operands, x.baseAddress, rows, scratch.baseAddress, $0.baseAddress)
                  }
                  dx.withUnsafeMutableBufferPointer { dx in
                    ds.withUnsafeMutableBufferPointer { ds in
                      dl.withUnsafeMutableBufferPointer { dl in
                        dr.withUnsafeMutableBufferPointer { dr in
                          var sums = walsh_kronecker_sums(
                            scale: c.hasScale ? ds.baseAddress : nil, left: dl.baseAddress,
                            right: c.hasRight ? dr.baseAddress : nil)
                          walsh_kronecker_gradients(
                            c.isa.rawValue, &operands, x.baseAddress, g.baseAddress, rows, scratch.baseAddress,
                            dx.baseAddress, &sums)
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    let factors = c.hasScale ? scale : Tensor(shape: [n], repeating: 1)
    let scaled = x.scalingColumns(by: factors)
    let (l, r) = (Matrix(left), Matrix(right))
    var expected = (y: [Double](), dx: [Double](), ds: [Double](repeating: 0, count: n))
    var (expectedLeft, expectedRight) = (Matrix.zeros(n1, n1), Matrix.zeros(n2, n2))
    var magnitude = 0.0
    for row in 0..<rows {
      let m = Matrix(scaled.row(row).reshaped(to: [n1, n2]))
      let gradient = Matrix(g.row(row).reshaped(to: [n1, n2]))
      expected.y += (l.transposed * m * r).values
      let inner = (l * gradient * r.transposed).values
      for i in 0..<n {
        expected.dx.append(inner[i] * Double(factors.values[i]))
        expected.ds[i] += inner[i] * Double(x[row, i])
      }
      let norms = [m * r, gradient].map { $0.values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
      magnitude += norms[0] * norms[1]
      expectedLeft = expectedLeft + m * r * gradient.transposed
      expectedRight = expectedRight + m.transposed * l * gradient
    }
    func error(_ found: Tensor, _ expected: [Double]) -> Double {
      relativeError(found.values.map(Double.init), expected)
    }
    #expect(error(y, expected.y) < 1e-6)
    #expect(error(dx, expected.dx) < 1e-6)
    // A matrix of one number is one long sum, whose terms may cancel.
    let bound = 1e-6 * max(expectedLeft.values.map { $0 * $0 }.reduce(0, +).squareRoot(), magnitude)
    #expect(zip(dl.values, expectedLeft.values).allSatisfy { abs(Double($0) - $1) <= bound })
    if c.hasScale { #expect(error(ds, expected.ds) < 1e-6) }
    if c.hasRight { #expect(error(dr, expectedRight.values) < 1e-6) }
  }

  @Test("In place", arguments: [(4, 8), (1, 16)])
  func inPlace(n1: Int, n2: Int) {
    let x = normal([3, n1 * n2], "x")
    let (left, right) = (normal([n1, n1], "left"), normal([n2, n2], "right"))
    var y = x
    var scratch = Tensor.zeros([2 * n1 * n2])
    left.withUnsafeBufferPointer { left in
      right.withUnsafeBufferPointer { right in
        var operands = walsh_kronecker(
          n1: n1, n2: n2, scale: nil, left: left.baseAddress, right: right.baseAddress, right_transposed: nil)
        scratch.withUnsafeMutableBufferPointer { scratch in
          y.withUnsafeMutableBufferPointer { y in
            walsh_kronecker_apply(
              InstructionSet.best.rawValue, &operands, y.baseAddress, 3, scratch.baseAddress, y.baseAddress)
          }
        }
      }
    }
    #expect(y == x.kroneckerProduct(left: left, right: right))
  }
}

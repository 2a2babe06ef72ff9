import Foundation
import TestSupport
import Testing
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// Specification 7.1, 3 to 6 and 8.
@Suite("FlatQuant's matrices")
struct FlatQuantMatrixTests {
  @Test(
    "K(x; L, R) is x times the Kronecker product, and the inverses undo it",
    arguments: [(3, 5), (4, 8), (8, 12), (16, 20), (1, 7), (9, 44)])
  func kronecker(n1: Int, n2: Int) throws {
    let (left, right) = (invertible(n1, "left"), invertible(n2, "right"))
    let x = normal([3, n1 * n2], "x")
    let expected = Tensor(shape: x.shape) { out in
      for r in 0..<3 {
        for j1 in 0..<n1 {
          for j2 in 0..<n2 {
            var sum = 0.0
            for i1 in 0..<n1 {
              for i2 in 0..<n2 {
                sum += Double(x[r, i1 * n2 + i2]) * Double(left[i1, j1]) * Double(right[i2, j2])
              }
            }
            out[r * n1 * n2 + j1 * n2 + j2] = Float(sum)
          }
        }
      }
    }
    let product = x.kroneckerProduct(left: left, right: right)
    #expect(relativeError(product, expected) < 1e-6)
    let back = try product.kroneckerProduct(left: left.inverted(), right: right.inverted())
    #expect(relativeError(back, x) < 1e-5)
    // The engine's transform is the same map.
    let transform = KroneckerTransform(left: try DenseTransform(left), right: try DenseTransform(right))
    #expect(relativeError(x.transformed(by: transform), product) < 1e-6)
  }

  @Test(
    "Cayley's map gives rotations, the identity for zero, whatever the size of A", arguments: [2, 8, 32, 96, 224])
  func cayley(n: Int) throws {
    for size: Float in [0.1, 1, 10] {
      let theta = normal([n, n], "theta") * (size / Float(2 * n).squareRoot())
      let u = try theta.cayley()
      #expect(orthogonalityError(u) <= 1e-6)
      if n <= 32 { #expect(abs(determinant(Matrix(u)) - 1) < 1e-4) }
    }
    #expect(try Tensor.zeros([n, n]).cayley() == .identity(n))
  }

  @Test("The diagonal and the upper triangle are dead parameters")
  func dead() throws {
    let theta = normal([6, 6], "theta").tracked()
    let gradient = try theta.cayley().gradients(of: [theta], seed: normal([6, 6], "seed"))[0]
    for i in 0..<6 { for j in 0..<6 { #expect((gradient[i, j] == 0) == (j >= i)) } }
  }

  @Test(
    "P times the transpose of its inverse transpose is the identity",
    arguments: FlatQuantSettings.Parametrisation.allCases)
  func inverse(_ parametrisation: FlatQuantSettings.Parametrisation) throws {
    for n in [2, 8, 44, 96] {
      var parameters = LearnedParameters()
      let matrix = InvertibleMatrix(
        order: n, parametrisation, stream: { RandomStream(seed: 1, purpose: "test", index: $0) }, in: &parameters)
      let pair = try matrix.pair(parameters.spread())
      let product = pair.matrix.matmulTransposed(pair.inverseTranspose)
      #expect((product - .identity(n)).maxMagnitude < 1e-5)
    }
  }

  @Test("The start is orthogonal, and for U·diag(s)·Vᵀ a moderate rotation: its mean diagonal is about 0.4")
  func start() throws {
    var parameters = LearnedParameters()
    let matrix = InvertibleMatrix(
      order: 64, .svd, stream: { RandomStream(seed: 1, purpose: "test", index: $0) }, in: &parameters)
    let pair = try matrix.pair(parameters)
    #expect(orthogonalityError(pair.matrix) < 2e-6)
    #expect(relativeError(pair.matrix, pair.inverseTranspose) < 1e-6)
    let mean = (0..<64).reduce(0) { $0 + pair.matrix[$1, $1] } / 64
    #expect((0.3...0.5).contains(mean))
    let distance = (pair.matrix - .identity(64)).sumOfSquares.squareRoot() / 128.0.squareRoot()
    #expect((0.7...0.85).contains(distance))
  }

  @Test(
    "Gradients of P and its inverse equal finite differences", arguments: FlatQuantSettings.Parametrisation.allCases)
  func gradients(_ parametrisation: FlatQuantSettings.Parametrisation) throws {
    var parameters = LearnedParameters()
    let matrix = InvertibleMatrix(
      order: 5, parametrisation, stream: { RandomStream(seed: 2, purpose: "test", index: $0) }, in: &parameters)
    let start = parameters.spread()
    let (a, b) = (normal([5, 5], "a"), normal([5, 5], "b"))
    func value(_ parameters: LearnedParameters) throws -> Tensor {
      let pair = try matrix.pair(parameters)
      return (pair.matrix * a).summed() + (pair.inverseTranspose * b).summed()
    }
    let variables = start.tracked()
    let found = try value(variables).gradients(of: variables.transforms)
    for (i, tensor) in start.transforms.enumerated() {
      var expected: [Double] = []
      for j in 0..<tensor.count {
        // Richardson's extrapolation of central differences at two steps.
        func slope(_ step: Float) throws -> Double {
          func moved(_ by: Float) throws -> Double {
            var copy = start
            copy.transforms[i].withUnsafeMutableBufferPointer { $0[j] += by }
            return try preciseValue(matrix, copy, a, b)
          }
          return (try moved(step) - moved(-step)) / Double(2 * step)
        }
        expected.append((4 * (try slope(1 / 32)) - (try slope(1 / 16))) / 3)
      }
      #expect(relativeError(found[i].values.map(Double.init), expected) < 2e-3)
    }
  }

  /// The value of `gradients` with its sums in Float64.
  private func preciseValue(
    _ matrix: InvertibleMatrix, _ parameters: LearnedParameters, _ a: Tensor, _ b: Tensor
  ) throws -> Double {
    let pair = try matrix.pair(parameters)
    func dot(_ x: Tensor, _ y: Tensor) -> Double {
      zip(x.values, y.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    return dot(pair.matrix, a) + dot(pair.inverseTranspose, b)
  }

  @Test("The sizes of the specification's table, and an end for numbers without two even factors")
  func sizes() {
    let table = [
      256: (16, 16), 512: (16, 32), 576: (24, 24), 768: (24, 32), 896: (28, 32), 1024: (32, 32), 1152: (32, 36),
      1536: (32, 48), 2048: (32, 64), 2560: (40, 64), 3072: (48, 64), 3584: (56, 64), 4096: (64, 64), 4864: (64, 76),
      5120: (64, 80), 8192: (64, 128), 8960: (80, 112), 9728: (76, 128), 11008: (86, 128), 13824: (108, 128),
      14336: (112, 128), 18944: (128, 148), 27648: (144, 192), 28672: (128, 224), 6: (2, 3), 10: (2, 5), 74: (2, 37),
      1542: (6, 257),
    ]
    for (n, factors) in table { #expect(KroneckerTransform.balancedFactors(of: n) == factors, "\(n)") }
  }

  // MARK: Guards

  @Test("Singular values and factors that would turn negative stop at the least that is allowed")
  func floors() throws {
    var parameters = LearnedParameters()
    let matrix = InvertibleMatrix(
      order: 3, .svd, stream: { RandomStream(seed: 2, purpose: "test", index: $0) }, in: &parameters)
    let old = parameters
    parameters.transforms[1] = Tensor([0.5, -0.1, 1e-4])
    #expect(try matrix.hold(from: old, to: &parameters) == 2)
    #expect(parameters.transforms[1].values == [0.5, 1e-3, 1e-3])
  }

  @Test("A step of a matrix that would pass a singular one is shortened, and its determinant keeps its sign")
  func steps() throws {
    var parameters = LearnedParameters()
    let matrix = InvertibleMatrix(
      order: 4, .inverse, stream: { RandomStream(seed: 2, purpose: "test", index: $0) }, in: &parameters)
    let old = parameters
    parameters.transforms[0] = old.transforms[0] * -0.5
    let before = determinant(Matrix(old.transforms[0]))
    #expect(determinant(Matrix(parameters.transforms[0] + old.transforms[0] * 0.5)).magnitude < 1e-6)
    #expect(try matrix.hold(from: old, to: &parameters) == 1)
    let after = determinant(Matrix(parameters.transforms[0]))
    #expect(after / before > 1e-6)
    var small = old
    small.transforms[0] = old.transforms[0] * 0.95
    #expect(try matrix.hold(from: old, to: &small) == 0)
  }

  // MARK: Tools

  private func invertible(_ n: Int, _ purpose: String) -> Tensor {
    normal([n, n], purpose) * (0.3 / Float(n).squareRoot()) + Tensor.identity(n)
  }

  private func orthogonalityError(_ u: Tensor) -> Float {
    let gram = Tensor(Matrix(u) * Matrix(u).transposed)
    return (gram - .identity(u.columns)).maxMagnitude
  }

  /// By Gaussian elimination with row pivoting.
  private func determinant(_ matrix: Matrix) -> Double {
    var a = matrix
    var result = 1.0
    for k in 0..<a.rows {
      guard let pivot = (k..<a.rows).max(by: { abs(a[$0, k]) < abs(a[$1, k]) }), a[pivot, k] != 0 else { return 0 }
      if pivot != k {
        for j in 0..<a.columns { (a[k, j], a[pivot, j]) = (a[pivot, j], a[k, j]) }
        result = -result
      }
      result *= a[k, k]
      for i in k + 1..<a.rows {
        let factor = a[i, k] / a[k, k]
        for j in k..<a.columns { a[i, j] -= factor * a[k, j] }
      }
    }
    return result
  }
}

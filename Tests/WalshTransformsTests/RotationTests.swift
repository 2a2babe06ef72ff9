import TestSupport
import Testing
import WalshTensor

@testable import WalshTransforms

@Suite("Rotations")
struct RotationTests {
  private func stream(_ index: Int = 0) -> RandomStream {
    RandomStream(seed: 11, purpose: "test/rotation", index: UInt64(index))
  }

  @Test("A stream decides a rotation, another stream gives another")
  func determinism() throws {
    #expect(try Rotation.randomizedHadamard(48, stream()) == Rotation.randomizedHadamard(48, stream()))
    #expect(try Rotation.randomizedHadamard(48, stream()) != Rotation.randomizedHadamard(48, stream(1)))
    #expect(try Rotation.twoBlock(48, stream()).matrix() == Rotation.twoBlock(48, stream()).matrix())
    #expect(Rotation.haar(16, stream()) == Rotation.haar(16, stream()))
    #expect(Rotation.haar(16, stream()) != Rotation.haar(16, stream(1)))
    #expect(PermutationTransform.random(40, stream: stream()) == .random(40, stream: stream()))
    #expect(PermutationTransform.random(40, stream: stream()) != .random(40, stream: stream(1)))
  }

  @Test("The signs of a stream are frozen")
  func frozenSigns() {
    // From a separate implementation of Philox 4×32-10 that gives the known-answer vectors.
    let signs = DiagonalTransform.randomSigns(16, stream: RandomStream(seed: 0, purpose: "frozen"))
    #expect(signs.scales.map { $0 > 0 ? "+" : "-" }.joined() == "++-+---+--++--++")
  }

  @Test("Two blocks are H·D₂·H·D₁ with different signs")
  func twoBlock() throws {
    let n = 32
    let rotation = try Rotation.twoBlock(n, stream())
    let first = DiagonalTransform((0..<n).map { stream().sign(at: $0) })
    let second = DiagonalTransform((n..<2 * n).map { stream().sign(at: $0) })
    #expect(first != second)
    let h = try HadamardTransform(order: n)
    let x = Tensor.normal([4, n], from: stream(9))
    #expect(x.transformed(by: rotation) == x.transformed(by: CompositeTransform([first, h, second, h])))
  }

  @Test("After two blocks of a basis vector a coordinate is a scaled sum of n fair signs")
  func twoBlockLaw() throws {
    // T(e₁)ᵢ = (1/n)·(sum of n signs): variance 1/n, fourth moment (3 − 2/n)/n², both within four standard errors.
    let n = 64
    var x = Tensor.zeros([1, n])
    x[0, 0] = 1
    var (second, fourth) = (0.0, 0.0)
    let draws = 4000
    for i in 0..<draws {
      let y = Double(x.transformed(by: try Rotation.twoBlock(n, stream(i)))[0, 3])
      second += y * y * Double(n)
      fourth += y * y * y * y * Double(n * n)
    }
    #expect(abs(second / Double(draws) - 1) < 4 * (2 / Double(draws)).squareRoot())
    #expect(abs(fourth / Double(draws) - (3 - 2 / Double(n))) < 4 * (96 / Double(draws)).squareRoot())
  }

  @Test("Haar matrices are orthogonal to 1e-6", arguments: [1, 2, 7, 64, 200])
  func haarOrthogonality(n: Int) {
    let q = Rotation.haar(n, stream()).matrix()
    let gram = Matrix(q) * Matrix(q).transposed
    let error = (0..<n * n).map { abs(gram.values[$0] - ($0 / n == $0 % n ? 1 : 0)) }.max()
    #expect((error ?? .nan) < 1e-6)
  }

  @Test("Haar matrices have the moments of the uniform law, and both determinants")
  func haarLaw() {
    let n = 8
    let draws = 3000
    var (mean, square, fourth, trace, positive) = (0.0, 0.0, 0.0, 0.0, 0)
    for i in 0..<draws {
      let q = Matrix(Rotation.haar(n, stream(i)).matrix())
      mean += q[0, 0]
      square += q[0, 0] * q[0, 0]
      fourth += q[0, 0] * q[0, 0] * q[0, 0] * q[0, 0]
      let t = q.diagonal.reduce(0, +)
      trace += t * t
      if determinant(q) > 0 { positive += 1 }
    }
    let count = Double(draws)
    let d = Double(n)
    // Standard errors from E q² = 1/n, E q⁴ = 3/(n(n+2)), E q⁸ = 105/(n(n+2)(n+4)(n+6)), E tr² = 1, E tr⁴ = 3.
    let q4 = 3 / (d * (d + 2))
    let q8 = 105 / (d * (d + 2) * (d + 4) * (d + 6))
    #expect(abs(mean / count) < 4 * (1 / d / count).squareRoot())
    #expect(abs(square / count - 1 / d) < 4 * ((q4 - 1 / d / d) / count).squareRoot())
    #expect(abs(fourth / count - q4) < 4 * ((q8 - q4 * q4) / count).squareRoot())
    #expect(abs(trace / count - 1) < 4 * (2 / count).squareRoot())
    #expect(abs(Double(positive) / count - 0.5) < 4 * (0.25 / count).squareRoot())
  }

  /// The determinant by elimination with row exchanges.
  private func determinant(_ matrix: Matrix) -> Double {
    var a = matrix
    var result = 1.0
    for c in 0..<a.rows {
      let pivot = (c..<a.rows).max { abs(a[$0, c]) < abs(a[$1, c]) } ?? c
      if pivot != c {
        result.negate()
        for j in 0..<a.columns { (a[c, j], a[pivot, j]) = (a[pivot, j], a[c, j]) }
      }
      result *= a[c, c]
      for i in c + 1..<max(a.rows, c + 1) {
        let factor = a[i, c] / a[c, c]
        for j in c..<a.columns { a[i, j] -= factor * a[c, j] }
      }
    }
    return result
  }

  @Test("Block rotations check their block")
  func blockHadamard() throws {
    let p = try Rotation.blockHadamard(96, block: 32)
    #expect(p.count == 3 && p.dimension == 96)
    let error = #expect(throws: HadamardError.blockDoesNotDivide(block: 64, dimension: 96)) {
      try Rotation.blockHadamard(96, block: 64)
    }
    #expect(error?.description == "Blocks of 64 do not divide 96 channels; use a divisor, such as 96.")
    #expect(throws: HadamardError.unknownOrder(6)) { try Rotation.blockHadamard(96, block: 6) }
    #expect(throws: HadamardError.unknownOrder(0)) { try Rotation.blockHadamard(96, block: 0) }
  }

  @Test("After the Karhunen-Loève transform channels are uncorrelated, after a Hadamard transform equally strong")
  func karhunenLoeve() throws {
    let n = 24
    let x = Tensor.normal([400, n], from: stream()).matmul(Tensor.normal([n, n], from: stream(1)))
    let covariance = Matrix(x).transposed * Matrix(x)
    let klt = try Rotation.karhunenLoeve(covariance: covariance)
    #expect(klt.isOrthogonal)
    let rotated = Matrix(x.transformed(by: klt))
    let gram = rotated.transposed * rotated
    for i in 0..<n {
      if i > 0 { #expect(gram[i, i] <= gram[i - 1, i - 1] * (1 + 1e-5)) }
      for j in 0..<n where j != i {
        #expect(abs(gram[i, j]) < 1e-5 * gram[0, 0])
      }
    }
    let both = Matrix(
      x.transformed(by: CompositeTransform([klt, try HadamardTransform(order: n)])))
    let variances = (both.transposed * both).diagonal
    #expect((variances.max() ?? .nan) / (variances.min() ?? .nan) < 1 + 1e-4)
    #expect(throws: LinearAlgebraError.self) {
      try Rotation.karhunenLoeve(covariance: Matrix(rows: 1, columns: 1, values: [.nan]))
    }
  }
}

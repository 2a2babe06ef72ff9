import TestSupport
import Testing
import WalshTensor

@Suite("Eigenvalues, QR and singular values")
struct DecompositionTests {
  private func error(_ a: Matrix, _ b: Matrix) -> Double { relativeError(a.values, b.values) }

  private func isDescending(_ values: [Double]) -> Bool { zip(values, values.dropFirst()).allSatisfy { $0 >= $1 } }

  @Test("V·diag(λ)·Vᵀ gives the matrix back, from its upper triangle alone", arguments: [1, 2, 9, 60, 130])
  func eigen(n: Int) throws {
    let x = normalMatrix(n, n, "symmetric")
    let a = x + x.transposed
    var upper = a
    for i in 0..<n { for j in 0..<i { upper[i, j] = 1e9 } }
    let eigen = try upper.symmetricEigen()
    let v = eigen.vectors
    #expect(error(v * .diagonal(eigen.values) * v.transposed, a) <= 1e-12)
    #expect(error(v.transposed * v, .identity(n)) <= 1e-12)
    #expect(isDescending(eigen.values))
    for j in 0..<n {
      let column = (0..<n).map { v[$0, j] }
      #expect(column.max()! == column.map(abs).max()!)
    }
  }

  @Test("A known spectrum, with repeated and negative values")
  func knownSpectrum() throws {
    let spectrum = [5.0, 2, 2, 2, 0, -1, -7]
    let q = normalMatrix(7, 7, "q").qr().q
    let eigen = try (q * .diagonal(spectrum) * q.transposed).symmetricEigen()
    #expect(zip(eigen.values, spectrum).allSatisfy { abs($0 - $1) <= 1e-13 })
    #expect(try Matrix.diagonal([1, 3, 2]).symmetricEigen().values == [3, 2, 1])
  }

  @Test(
    "Q·R gives the matrix back, with orthonormal Q and a diagonal of R that is not negative",
    arguments: [(1, 1), (5, 5), (40, 7), (130, 130), (3, 0)])
  func qr(m: Int, n: Int) {
    let a = normalMatrix(m, n, "a")
    let factors = a.qr()
    #expect(factors.q.rows == m && factors.q.columns == n && factors.r.rows == n)
    #expect(error(factors.q * factors.r, a) <= 1e-12)
    #expect(error(factors.q.transposed * factors.q, .identity(n)) <= 1e-12)
    #expect((0..<n).allSatisfy { i in factors.r[i, i] >= 0 && (0..<i).allSatisfy { factors.r[i, $0] == 0 } })
  }

  @Test("The sign rule makes the factors unique: Q₀·R₀ is taken apart into Q₀ and R₀")
  func unique() {
    let q = normalMatrix(12, 12, "q").qr().q
    var r = normalMatrix(12, 12, "r")
    for i in 0..<12 {
      for j in 0..<i { r[i, j] = 0 }
      r[i, i] = 1 + abs(r[i, i])
    }
    let factors = (q * r).qr()
    #expect(error(factors.q, q) <= 1e-12)
    #expect(error(factors.r, r) <= 1e-12)
  }

  /// Under the Haar measure of O(n) the trace has mean 0 and variance 1 (Diaconis and Shahshahani 1994), each entry
  /// mean 0 and variance 1/n. Without the sign rule LAPACK's Q has a trace of mean far below 0.
  @Test("Q of a Gaussian matrix is Haar distributed, on average over 2000 of order 4")
  func haar() {
    let count = 2000
    var trace = 0.0
    var squaredTrace = 0.0
    var squares = Matrix.zeros(4, 4)
    for index in 0..<count {
      let q = normalMatrix(4, 4, "haar", index: UInt64(index)).qr().q
      let t = q.diagonal.reduce(0, +)
      trace += t / Double(count)
      squaredTrace += t * t / Double(count)
      squares = squares + Matrix(rows: 4, columns: 4, values: q.values.map { $0 * $0 / Double(count) })
    }
    // Five standard errors: √(1/2000), √(2/2000), and √(Var q²/2000) with Var q² = 3/(4·6) − 1/16.
    #expect(abs(trace) <= 0.112)
    #expect(abs(squaredTrace - 1) <= 0.159)
    #expect(squares.values.allSatisfy { abs($0 - 0.25) <= 0.028 })
  }

  @Test(
    "U·diag(σ)·Vᵀ gives the matrix back", arguments: [(1, 1), (6, 6), (20, 7), (7, 20), (150, 40), (40, 150), (1, 9)])
  func svd(m: Int, n: Int) throws {
    let a = normalMatrix(m, n, "a")
    let svd = try a.singularValues()
    let k = min(m, n)
    #expect(svd.values.count == k && isDescending(svd.values) && svd.values.allSatisfy { $0 >= 0 })
    #expect(error(svd.u * .diagonal(svd.values) * svd.vTransposed, a) <= 1e-12)
    #expect(error(svd.u.transposed * svd.u, .identity(k)) <= 1e-12)
    #expect(error(svd.vTransposed * svd.vTransposed.transposed, .identity(k)) <= 1e-12)
  }

  @Test("Rank two out of five leaves three singular values of zero, and orthonormal factors")
  func lowRank() throws {
    let svd = try (normalMatrix(9, 2, "left") * normalMatrix(2, 5, "right")).singularValues()
    #expect(svd.values[1] > 0.1)
    #expect(svd.values[2...].allSatisfy { $0 <= 1e-14 * svd.values[0] })
    #expect(error(svd.u.transposed * svd.u, .identity(5)) <= 1e-12)
  }
}

import TestSupport
import Testing
import WalshTensor

@Suite("Matrices and systems of equations")
struct LinearAlgebraTests {
  static let orders = [1, 2, 7, 64, 150]

  /// A well-conditioned symmetric positive definite matrix, with rubbish below the diagonal that nothing may read.
  private func positiveDefinite(_ n: Int) -> (whole: Matrix, upper: Matrix) {
    let x = normalMatrix(2 * n, n, "spd")
    var whole = x.transposed * x
    whole.addToDiagonal(1)
    for i in 0..<n { for j in 0..<i { whole[i, j] = whole[j, i] } }
    var upper = whole
    for i in 0..<n { for j in 0..<i { upper[i, j] = 1e9 } }
    return (whole, upper)
  }

  private func error(_ a: Matrix, _ b: Matrix) -> Double { relativeError(a.values, b.values) }

  @Test("Products, sums, transposes and diagonals")
  func arithmetic() {
    let a = normalMatrix(13, 70, "a")
    let b = normalMatrix(70, 9, "b")
    #expect(error(a * b, a.productByDefinition(b)) <= 1e-14)
    #expect(a.transposed.transposed == a)
    #expect((a + a).values == a.values.map { 2 * $0 })
    #expect(Matrix.zeros(3, 0) * Matrix.zeros(0, 2) == Matrix.zeros(3, 2))
    var d = Matrix.diagonal([1, 2, 6])
    #expect(d.meanDiagonal == 3 && d.diagonal == [1, 2, 6])
    d.addToDiagonal(1)
    #expect(d == Matrix.diagonal([2, 3, 7]))
    #expect(Matrix.zeros(0, 0).meanDiagonal == 0)
    let t = normal([2, 3, 4], "t")
    #expect(Tensor(Matrix(t)) == t.reshaped(to: [6, 4]))
  }

  @Test(
    "Cholesky: UᵀU gives the matrix back, U is upper triangular, only the upper triangle is read", arguments: orders)
  func cholesky(n: Int) throws {
    let a = positiveDefinite(n)
    let u = try a.upper.choleskyUpper()
    #expect(error(u.transposed * u, a.whole) <= 1e-14)
    #expect((0..<n).allSatisfy { i in u[i, i] > 0 && (0..<i).allSatisfy { u[i, $0] == 0 } })
  }

  @Test("The inverse and the solution of positive definite systems", arguments: orders)
  func positiveDefiniteSolve(n: Int) throws {
    let a = positiveDefinite(n)
    let inverse = try a.upper.inverseOfPositiveDefinite()
    #expect(error(inverse * a.whole, .identity(n)) <= 1e-12)
    #expect(inverse == inverse.transposed)
    let x = normalMatrix(n, 5, "x")
    #expect(error(try a.upper.solvePositiveDefinite(a.whole * x), x) <= 1e-12)
    #expect(try a.upper.solvePositiveDefinite(.zeros(n, 0)) == .zeros(n, 0))
  }

  @Test("What is not positive definite is refused, with the order of the bad minor")
  func indefinite() {
    func check(_ values: [Double], order: Int) {
      let n = Int(Double(values.count).squareRoot())
      let matrix = Matrix(rows: n, columns: n, values: values)
      let expected = LinearAlgebraError.notPositiveDefinite(order: order)
      #expect(throws: expected) { try matrix.choleskyUpper() }
      #expect(throws: expected) { try matrix.inverseOfPositiveDefinite() }
      #expect(throws: expected) { try matrix.solvePositiveDefinite(.identity(n)) }
    }
    check([1, 2, 2, 1], order: 2)
    check([1, 1, 1, 1], order: 2)
    check([0], order: 1)
    check([-3], order: 1)
    check([2, 0, 0, .nan], order: 2)
    check([.infinity, 0, 0, 1], order: 1)
  }

  @Test("NaN and infinity off the diagonal are refused too", arguments: [Double.nan, .infinity, -.infinity])
  func nonFinite(bad: Double) {
    for (i, j) in [(0, 1), (0, 4), (2, 3)] {
      var matrix = positiveDefinite(5).whole
      matrix[i, j] = bad
      matrix[j, i] = bad
      #expect(throws: LinearAlgebraError.self) { try matrix.choleskyUpper() }
      #expect(throws: LinearAlgebraError.self) { try matrix.inverseOfPositiveDefinite() }
      #expect(throws: LinearAlgebraError.notFinite(routine: "the linear solver")) { try matrix.inverse() }
      #expect(throws: LinearAlgebraError.notFinite(routine: "the eigenvalue solver")) { try matrix.symmetricEigen() }
      #expect(throws: LinearAlgebraError.self) { try matrix.singularValues() }
    }
  }

  @Test("General systems: A·X = B and the inverse", arguments: orders)
  func lu(n: Int) throws {
    var a = normalMatrix(n, n, "a")
    a.addToDiagonal(3 * Double(n).squareRoot())
    let x = normalMatrix(n, 3, "x")
    #expect(error(try a.solve(a * x), x) <= 1e-12)
    #expect(error(try a.inverse() * a, .identity(n)) <= 1e-12)
  }

  @Test("A zero pivot needs an exchange of rows, and a singular matrix is refused")
  func singular() throws {
    let exchange = Matrix(rows: 2, columns: 2, values: [0, 1, 1, 0])
    #expect(try exchange.inverse() == exchange)
    let rankOne = Matrix(rows: 2, columns: 2, values: [1, 2, 2, 4])
    #expect(throws: LinearAlgebraError.singular(column: 1)) { try rankOne.inverse() }
    #expect(throws: LinearAlgebraError.singular(column: 0)) { try Matrix.zeros(3, 3).solve(.identity(3)) }
    #expect(throws: LinearAlgebraError.singular(column: 1)) { try rankOne.solve(.zeros(2, 0)) }
  }

  @Test("Empty matrices have empty answers")
  func empty() throws {
    let none = Matrix.zeros(0, 0)
    #expect(try none.choleskyUpper() == none)
    #expect(try none.inverseOfPositiveDefinite() == none)
    #expect(try none.inverse() == none)
    #expect(try none.symmetricEigen().values.isEmpty)
    #expect(none.qr().q == none)
    #expect(try Matrix.zeros(3, 0).singularValues().values.isEmpty)
  }

  @Test("Each error is one sentence that names the cause")
  func sentences() {
    #expect(LinearAlgebraError.notPositiveDefinite(order: 4).description.contains("order 4"))
    #expect(LinearAlgebraError.singular(column: 2).description.contains("column 2"))
    #expect(LinearAlgebraError.notFinite(routine: "the test").description.contains("the test holds NaN"))
  }
}

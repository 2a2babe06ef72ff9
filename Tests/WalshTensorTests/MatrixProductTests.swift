import TestSupport
import Testing
import WalshTensor

@Suite("Matrix products")
struct MatrixProductTests {
  /// Rows, inputs, outputs: odd, of one, empty, and beyond one tile of 192×512 in either direction.
  static let extents = [
    (1, 1, 1), (3, 5, 7), (1, 300, 513), (1, 17, 1100), (2, 1, 9), (193, 31, 65), (400, 33, 70), (5, 40, 1030),
    (385, 7, 1025), (200, 257, 515),
  ]

  @Test("X·Wᵀ and X·B agree with Float64 for every extent", arguments: extents)
  func products(m: Int, k: Int, n: Int) {
    let x = normal([m, k], "x")
    let w = normal([n, k], "w")
    let expected = Matrix(x).productByDefinition(Matrix(w).transposed)
    #expect(x.matmulTransposed(w).shape == [m, n])
    #expect(relativeError(Matrix(x.matmulTransposed(w)).values, expected.values) <= 4e-7)
    #expect(relativeError(Matrix(x.matmul(w.transposed())).values, expected.values) <= 4e-7)
  }

  @Test("Every bit is the same with one worker and with two", arguments: extents)
  func workers(m: Int, k: Int, n: Int) {
    let x = normal([m, k], "x")
    let w = normal([n, k], "w")
    let b = w.transposed()
    let one = withWorkers(1) { (x.matmulTransposed(w).bits, x.matmul(b).bits) }
    let two = withWorkers(2) { (x.matmulTransposed(w).bits, x.matmul(b).bits) }
    #expect(one == two)
  }

  @Test("Products large enough to be shared among threads have the same bits with 1, 2 and 3 workers")
  func shared() {
    let x = normal([400, 512], "x")
    let w = normal([1536, 512], "w")
    let one = withWorkers(1) { x.matmulTransposed(w).bits }
    #expect(withWorkers(2) { x.matmulTransposed(w).bits } == one)
    #expect(withWorkers(3) { x.matmulTransposed(w).bits } == one)
    let row = x.rows(0..<1)
    let wide = normal([20_000, 512], "wide")
    #expect(withWorkers(2) { row.matmulTransposed(wide).bits } == withWorkers(1) { row.matmulTransposed(wide).bits })
  }

  @Test("Leading axes stay: [2, 3, k] gives [2, 3, n]")
  func leadingAxes() {
    let x = normal([2, 3, 8], "x")
    let w = normal([5, 8], "w")
    let y = x.matmulTransposed(w)
    #expect(y.shape == [2, 3, 5])
    #expect(y.reshaped(to: [6, 5]) == x.reshaped(to: [6, 8]).matmulTransposed(w))
    #expect(normal([8], "v").matmulTransposed(w).shape == [5])
  }

  @Test("Empty products: no rows, no outputs, and a sum over nothing is zero")
  func empty() {
    #expect(Tensor.zeros([0, 4]).matmulTransposed(normal([3, 4], "w")).shape == [0, 3])
    #expect(normal([2, 4], "x").matmulTransposed(Tensor.zeros([0, 4])).shape == [2, 0])
    #expect(Tensor.zeros([2, 0]).matmulTransposed(Tensor.zeros([3, 0])) == Tensor.zeros([2, 3]))
    #expect(Tensor.zeros([2, 0]).matmul(Tensor.zeros([0, 3])) == Tensor.zeros([2, 3]))
  }

  @Test("Slices multiply like copies of themselves")
  func slices() {
    let x = normal([10, 6], "x")
    let w = normal([9, 6], "w")
    let fresh = Tensor(x.rows(3..<8).values, shape: [5, 6])
    #expect(
      x.rows(3..<8).matmulTransposed(w.rows(2..<7))
        == fresh.matmulTransposed(Tensor(w.rows(2..<7).values, shape: [5, 6])))
  }

  @Test("NaN reaches its row of the product and no other")
  func nan() {
    var x = normal([3, 4], "x")
    x[1, 2] = .nan
    let y = x.matmulTransposed(normal([5, 4], "w"))
    #expect(y.row(1).isAllNaN)
    #expect(y.row(0).firstNonFinite == nil && y.row(2).firstNonFinite == nil)
  }

  @Test(
    "The transpose moves every value, for extents around its blocks",
    arguments: [(1, 1), (7, 9), (8, 8), (33, 70), (0, 3)])
  func transposed(m: Int, n: Int) {
    let x = normal([m, n], "x")
    let t = x.transposed()
    #expect(t.shape == [n, m])
    #expect((0..<m).allSatisfy { i in (0..<n).allSatisfy { j in t[j, i] == x[i, j] } })
  }

  @Test(
    "A Gram matrix is XᵀX, added, and symmetric bit for bit",
    arguments: [(0, 5), (1, 5), (257, 3), (300, 130), (513, 257)])
  func gram(rows: Int, columns: Int) {
    let x = normal([rows, columns], "x")
    var gram = Matrix.identity(columns)
    gram.addGram(of: x)
    var expected = Matrix(x).transposed.productByDefinition(Matrix(x))
    expected.addToDiagonal(1)
    #expect(relativeError(gram.values, expected.values) <= 1e-14)
    #expect(gram == gram.transposed)
  }

  @Test("A Gram matrix is the same for any number of workers, and when rows come in panels of 256")
  func gramInParts() {
    let x = normal([600, 200], "x")
    func gram(_ parts: [Tensor]) -> Matrix {
      var sum = Matrix.zeros(200, 200)
      for part in parts { sum.addGram(of: part) }
      return sum
    }
    let one = withWorkers(1) { gram([x]) }
    #expect(withWorkers(2) { gram([x]) } == one)
    #expect(gram([x.rows(0..<256), x.rows(256..<600)]) == one)
  }
}

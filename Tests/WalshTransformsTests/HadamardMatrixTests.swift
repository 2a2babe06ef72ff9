import TestSupport
import Testing
import WalshTensor

@testable import WalshTransforms

@Suite("Hadamard matrices")
struct HadamardMatrixTests {
  /// H·Hᵀ by exact products: integers below 2^24 in Float32.
  private func isHadamard(_ h: HadamardMatrix) -> Bool {
    let n = h.order
    guard h.entries.count == n * n, h.entries.allSatisfy({ $0 == 1 || $0 == -1 }) else { return false }
    let t = Tensor(h.entries.map(Float.init), shape: [n, n])
    return t.matmulTransposed(t) == Tensor.identity(n) * Float(n)
  }

  @Test("Every known order up to 1024 has orthogonal rows of ±1", arguments: 0..<8)
  func allOrders(part: Int) throws {
    for n in 1...1024 where n % 8 == part && HadamardMatrix.exists(n) {
      let h = try HadamardMatrix(order: n)
      #expect(h.order == n && h.construction.order == n)
      #expect(isHadamard(h), "order \(n), \(h.construction)")
      if h.construction != .sylvester(levels: n.trailingZeroBitCount) { #expect(n % 4 == 0) }
    }
  }

  @Test("Known are 1, 2 and all multiples of four up to 1024 except those without a construction here")
  func knownOrders() {
    // The complement of the orders that Sylvester, Paley I and II, the five Williamson tables and products reach, closed
    // under multiplication by a separate program.
    let unknown = stride(from: 4, through: 1024, by: 4).filter { !HadamardMatrix.exists($0) }
    #expect(
      unknown == [
        188, 236, 260, 268, 292, 324, 356, 372, 376, 404, 412, 428, 436, 452, 472, 476, 508, 520, 532, 536, 584, 596,
        604, 612, 652, 668, 712, 716, 732, 756, 764, 772, 808, 836, 852, 856, 872, 876, 892, 904, 932, 940, 944, 952,
        956,
        964, 980, 988, 996, 1004, 1012, 1016,
      ])
    #expect((1...1024).allSatisfy { !HadamardMatrix.exists($0) || $0 <= 2 || $0 % 4 == 0 })
    #expect(HadamardMatrix.exists(1) && HadamardMatrix.exists(2))
    #expect(!HadamardMatrix.exists(0) && !HadamardMatrix.exists(-4))
  }

  @Test("The orders that released checkpoints use are made as they are there")
  func releasedOrders() {
    let expected: [Int: String] = [
      12: "Paley I, q = 11", 20: "Paley I, q = 19", 28: "Paley II, q = 13", 36: "Paley II, q = 17",
      40: "(Sylvester, order 2) ⊗ (Paley I, q = 19)", 52: "Williamson, 4·13", 60: "Paley I, q = 59",
      108: "Paley I, q = 107", 140: "Paley I, q = 139", 156: "Williamson, 4·39", 172: "Williamson, 4·43",
      76: "Paley II, q = 37", 92: "Williamson, 4·23", 116: "Williamson, 4·29", 100: "Paley II, q = 49",
      64: "Sylvester, order 64", 24: "(Paley I, q = 11) ⊗ (Sylvester, order 2)",
    ]
    for (n, description) in expected {
      #expect(HadamardMatrix.construction(of: n)?.description == description)
    }
  }

  @Test("K is chosen in the order of the released tables, then the smallest")
  func outerOrders() {
    let expected = [
      11008: 172, 14336: 28, 5120: 40, 13824: 108, 3072: 12, 4864: 76, 344: 172, 352: 44, 80: 40, 768: 12, 18944: 148,
      1 << 20: 1, 960: 60, 2560: 40, 640: 40, 20: 20, 9728: 76,
    ]
    for (n, k) in expected { #expect(HadamardConstruction.outer(of: n)?.construction.order == k, "\(n)") }
  }

  /// (a | p) by Euler's criterion.
  private func legendre(_ a: Int, _ p: Int) -> Int8 {
    var power = 1
    for _ in 0..<(p - 1) / 2 { power = power * ((a % p + p) % p) % p }
    return power == p - 1 ? -1 : Int8(power)
  }

  @Test("Paley I has the entries of the released formula", arguments: [12, 20, 60, 108, 140])
  func paleyI(n: Int) throws {
    let h = try HadamardMatrix(order: n)
    for i in 0..<n {
      for j in 0..<n {
        let formula: Int8 = j == 0 ? 1 : i == 0 ? -1 : i == j ? 1 : -legendre(j - i, n - 1)
        #expect(h[i, j] == formula)
      }
    }
    #expect(h.transposed != h)
  }

  @Test("Paley II has the entries of the released formula and is symmetric", arguments: [28, 36])
  func paleyII(n: Int) throws {
    let h = try HadamardMatrix(order: n)
    let half = n / 2
    for i in 0..<n {
      for j in 0..<n {
        let (r, c) = (i % half, j % half)
        let conference: Int8 = r == c ? 0 : r == 0 || c == 0 ? 1 : legendre(c - r, half - 1)
        let identity: Int8 = r == c ? 1 : 0
        let block = [
          [conference + identity, conference - identity], [conference - identity, -conference - identity],
        ]
        #expect(h[i, j] == block[i / half][j / half])
      }
    }
    #expect(h.transposed == h)
  }

  @Test("Williamson blocks are symmetric circulants in Williamson's array", arguments: [13, 23, 29, 39, 43])
  func williamson(t: Int) throws {
    let h = try HadamardMatrix(order: 4 * t)
    let rows = try #require(WilliamsonRows.rows(of: t))
    for (b, row) in rows.enumerated() {
      #expect(row.count == t && (1..<t).allSatisfy { row[$0] == row[t - $0] })
      for j in 0..<t { #expect(h[0, b * t + j] == row[j]) }
    }
    // Row 2t starts with −C, then D, A, −B; its second row is rotated right by one.
    #expect(h[2 * t + 1, 0] == -rows[2][t - 1] && h[2 * t + 1, t] == rows[3][t - 1])
    #expect(h[2 * t + 1, 2 * t] == rows[0][t - 1] && h[2 * t + 1, 3 * t] == -rows[1][t - 1])
  }

  @Test(
    "The quadratic character of prime powers is multiplicative over differences", arguments: [9, 25, 27, 49, 81, 343])
  func character(q: Int) {
    let character = QuadraticCharacter(order: q)
    let row = (0..<q).map { character($0, minus: 0) }
    #expect(
      row[0] == 0 && row.filter { $0 == 1 }.count == (q - 1) / 2 && row.filter { $0 == -1 }.count == (q - 1) / 2)
    // Σ χ(x − a)·χ(x − b) = −1 for a ≠ b, the property that both of Paley's constructions rest on.
    for b in 1..<q {
      #expect((0..<q).reduce(0) { $0 + Int(character($1, minus: 0) * character($1, minus: b)) } == -1)
    }
  }

  @Test("An unknown order is an error that names the largest block")
  func unknownOrder() {
    #expect(HadamardMatrix.largestOrder(dividing: 4100) == 820)
    #expect(HadamardMatrix.largestOrder(dividing: 19) == 1)
    #expect(HadamardMatrix.largestOrder(dividing: 188) == 4)
    #expect(HadamardMatrix.largestOrder(dividing: 4096) == 4096)
    let error = #expect(throws: HadamardError.unknownOrder(188)) { try HadamardMatrix(order: 188) }
    #expect(
      error?.description
        == "No Hadamard matrix of order 188 is known here; use blocks of 4, the largest known order that divides 188."
    )
    #expect(throws: HadamardError.unknownOrder(50)) { try HadamardTransform(order: 50) }
    #expect(HadamardError.unknownOrder(50).description.contains("blocks of 2"))
    #expect(HadamardError.unknownOrder(0).description.contains("no Hadamard matrix of order 0"))
  }
}

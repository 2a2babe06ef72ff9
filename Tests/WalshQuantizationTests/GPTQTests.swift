import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshTensor

@testable import WalshQuantization

@Suite("GPTQ")
struct GPTQTests {
  /// Every weight format a checkpoint can store, and others that only the library knows.
  static let formats: [NumericFormat] = [
    .mxfp4, .mxfp4(.rceil), .nvfp4(.compressedTensors), .nvfp4, .nvfp4FourOverSix, .mxfp8, .int(4, group: 32),
    .int(3, group: 32), .int(4, group: 32, symmetric: false), .intPerRow(4), .intPerRow(8), .intPerRow(2),
    .fp8(.e4m3, per: .row),
  ]

  /// The second moment of correlated inputs: a random mixing of fewer sources than channels, and a few loud channels.
  private static func gram(_ n: Int, tokens: Int = 300) -> Matrix {
    let sources = normal([tokens, n / 2], "sources")
    let mixed = sources.matmul(normal([n / 2, n], "mixing")) + normal([tokens, n], "noise") * 0.3
    let x = mixed.scalingColumns(by: Tensor((0..<n).map { $0 % 11 == 0 ? 10 : 1 }))
    var gram = Matrix.zeros(n, n)
    gram.addGram(of: x)
    return gram
  }

  private func solve(_ w: Tensor, _ gram: Matrix, _ format: NumericFormat, _ gptq: GPTQ = GPTQ()) throws -> Tensor {
    let quantizer = Quantizer(format: format)
    return try gptq.solve(
      w, factor: gptq.factor(of: gram), quantizer: quantizer, scales: quantizer.blockScales(of: w))
  }

  private func weightedError(_ a: Tensor, _ b: Tensor, _ gram: Matrix) -> Double { gram.quadraticForm(a - b) }

  @Test("With uncorrelated inputs it is round to nearest, exactly", arguments: formats)
  func identity(_ format: NumericFormat) throws {
    let w = normal([33, 96], "weights")
    #expect(try solve(w, .identity(96), format) == Quantizer(format: format).fakeQuantize(w))
  }

  @Test("On correlated inputs the weighted error is far below that of round to nearest", arguments: formats)
  func error(_ format: NumericFormat) throws {
    let w = normal([40, 96], "weights")
    let gram = Self.gram(96)
    let rounded = weightedError(w, Quantizer(format: format).fakeQuantize(w), gram)
    #expect(try weightedError(w, solve(w, gram, format), gram) < 0.8 * rounded)
    #expect(
      try weightedError(w, solve(w, gram, format, GPTQ(ordersByActivation: true)), gram) < 0.8 * rounded)
  }

  @Test("What it solves is what is packed, bit for bit", arguments: formats, [false, true])
  func packing(_ format: NumericFormat, ordersByActivation: Bool) throws {
    let w = normal([20, 80], "weights")
    let quantizer = Quantizer(format: format, search: .searched)
    let scales = quantizer.blockScales(of: w)
    let gptq = GPTQ(ordersByActivation: ordersByActivation)
    let solved = try gptq.solve(w, factor: gptq.factor(of: Self.gram(80)), quantizer: quantizer, scales: scales)
    #expect(quantizer.pack(solved, scales: scales).unpacked() == solved)
  }

  @Test("A rounder equals rounding through the quantizer", arguments: formats)
  func rounder(_ format: NumericFormat) {
    let w = normal([4, 70], "weights")
    let quantizer = Quantizer(format: format)
    let scales = quantizer.blockScales(of: w)
    let size = format.groupSize(columns: 70)
    for row in 0..<4 {
      for column in 0..<70 {
        let rounder = GroupRounder(quantizer, scales: scales, row: row, group: column / size)
        let value = w[row, column] * 1.3
        #expect(
          rounder.round(value, at: row * 70 + column)
            == quantizer.round(value, row: row, column: column, scales: scales))
      }
    }
  }

  @Test("Ordering by activation on permuted inputs is the plain order on sorted ones, column for column")
  func order() throws {
    // Distinct diagonals, so that there is one order.
    let n = 48
    let gram = Self.gram(n)
    let w = normal([9, n], "weights")
    let sorted = (0..<n).sorted { gram[$0, $0] > gram[$1, $1] }
    var arranged = Matrix.zeros(n, n)
    for (i, a) in sorted.enumerated() { for (j, b) in sorted.enumerated() { arranged[i, j] = gram[a, b] } }
    let columns = Tensor(shape: [9, n]) { out in
      for row in 0..<9 { for (j, a) in sorted.enumerated() { out[row * n + j] = w[row, a] } }
    }
    let plain = try solve(columns, arranged, .intPerRow(4))
    let ordered = try solve(w, gram, .intPerRow(4), GPTQ(ordersByActivation: true))
    for row in 0..<9 { for (j, a) in sorted.enumerated() { #expect(ordered[row, a] == plain[row, j]) } }
    #expect(try ordered != solve(w, gram, .intPerRow(4)))
  }

  @Test("The block size changes the order of sums only", arguments: [1, 7, 64, 128, 1000])
  func blockSize(_ size: Int) throws {
    let w = normal([30, 160], "weights")
    let gram = Self.gram(160)
    let one = try solve(w, gram, .intPerRow(4), GPTQ(blockSize: 32))
    let other = try solve(w, gram, .intPerRow(4), GPTQ(blockSize: size))
    // A sum that falls on a tie may go either way, and takes what follows in its row along; none does here.
    #expect(relativeError(other, one) < 1e-6)
  }

  @Test("A singular second moment gives finite weights, and zeros where inputs are always zero")
  func singular() throws {
    let n = 64
    var x = normal([5, n], "few tokens")
    x = x.scalingColumns(by: Tensor((0..<n).map { $0 % 9 == 4 ? 0 : 1 }))
    var gram = Matrix.zeros(n, n)
    gram.addGram(of: x)
    for ordered in [false, true] {
      let solved = try solve(normal([12, n], "weights"), gram, .mxfp4, GPTQ(ordersByActivation: ordered))
      #expect(solved.firstNonFinite == nil)
      for row in 0..<12 { for j in stride(from: 4, to: n, by: 9) { #expect(solved[row, j] == 0) } }
      #expect(solved.maxMagnitude > 0)
    }
    #expect(try solve(normal([3, n], "weights"), .zeros(n, n), .mxfp4) == Tensor.zeros([3, n]))
  }

  @Test("Dead columns leave the damping of the others alone")
  func damping() throws {
    let gram = Self.gram(32)
    var wide = Matrix.zeros(64, 64)
    for i in 0..<32 { for j in 0..<32 { wide[i, j] = gram[i, j] } }
    let w = normal([8, 32], "weights")
    let padded = Tensor(shape: [8, 64]) { out in
      for i in 0..<8 { for j in 0..<64 { out[i * 64 + j] = j < 32 ? w[i, j] : 0 } }
    }
    let narrow = try solve(w, gram, .mxfp4)
    let solved = try solve(padded, wide, .mxfp4)
    for i in 0..<8 { for j in 0..<32 { #expect(solved[i, j] == narrow[i, j]) } }
  }

  @Test("A second moment with NaN is refused")
  func nan() {
    var gram = Matrix.identity(8)
    gram[3, 3] = .nan
    #expect(throws: LinearAlgebraError.self) { try GPTQ().factor(of: gram) }
  }

  @Test("Neither threads nor neighbouring rows change a row")
  func panels() throws {
    let w = normal([300, 64], "weights")
    let gram = Self.gram(64)
    let one = try withWorkers(1) { try solve(w, gram, .intPerRow(4)) }
    #expect(try withWorkers(2) { try solve(w, gram, .intPerRow(4)) } == one)
    let part = try solve(w.rows(120..<141), gram, .intPerRow(4))
    #expect(relativeError(part, one.rows(120..<141)) < 1e-6)
  }
}

import TestSupport
import Testing
import WalshTensor

@testable import WalshTransforms

@Suite("Hadamard transform")
struct HadamardTransformTests {
  private let stream = RandomStream(seed: 3, purpose: "test/hadamard")

  @Test(
    "The fast transform is the dense product with Hᵀ/√n, and its transpose that with H/√n",
    arguments: [
      1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 76, 80, 92, 96, 108, 116, 128, 140, 144,
      156,
      172, 192, 256, 344, 352, 512, 688, 768,
    ])
  func dense(n: Int) throws {
    let transform = try HadamardTransform(order: n)
    let h = Tensor(try HadamardMatrix(order: n).entries.map(Float.init), shape: [n, n])
    let scale = Float(1 / Double(n).squareRoot())
    let x = Tensor.normal([5, n], from: stream)
    #expect(transform.dimension == n && transform.isOrthogonal)
    #expect(relativeError(x.transformed(by: transform), x.matmulTransposed(h) * scale) < 1e-6)
    #expect(relativeError(x.transformed(by: transform.transpose), x.matmul(h) * scale) < 1e-6)
    #expect(relativeError(x.transformed(by: transform).transformed(by: transform.inverse), x) < 1e-6)
    if n <= 64 {
      #expect(relativeError(transform.matrix(), h.transposed() * scale) < 1e-6)
      #expect(relativeError(transform.transpose.matrix(), h * scale) < 1e-6)
    }
  }

  @Test(
    "Sampled entries of large transforms equal the sum that defines them",
    arguments: [3072, 4864, 5120, 11008, 14336, 16384, 18944, 1 << 17])
  func large(n: Int) throws {
    let transform = try HadamardTransform(order: n)
    let (outer, levels) = (transform.outer, transform.levels)
    let x = Tensor.normal([2, n], from: stream)
    let y = x.transformed(by: transform).values
    let values = x.values
    let samples = (0..<12).map { Int(stream.word(at: $0)) % (2 * n) }
    let expected = samples.map { s in
      let i = s % n
      var sum = 0.0
      for j in 0..<n {
        let inner = (i & j & (1 << levels - 1)).nonzeroBitCount % 2 == 0 ? 1.0 : -1.0
        sum += inner * Double(outer[i >> levels, j >> levels]) * Double(values[s / n * n + j])
      }
      return sum / Double(n).squareRoot()
    }
    #expect(relativeError(samples.map { Double(y[$0]) }, expected) < 1e-6)
    #expect(relativeError(x.transformed(by: transform).transformed(by: transform.inverse), x) < 1e-6)
  }

  @Test("One and two threads, and every instruction set, give the same bits", arguments: [256, 1024, 1376, 3072])
  func determinism(n: Int) throws {
    let transform = try HadamardTransform(order: n)
    let x = Tensor.normal([1200, n].map { min($0, 3072) }, from: stream)
    let workers = Parallel.workerCount
    defer { Parallel.workerCount = workers }
    Parallel.workerCount = 1
    let single = x.transformed(by: transform)
    Parallel.workerCount = 2
    #expect(x.transformed(by: transform) == single)
    for instructions in InstructionSet.available {
      var y = x
      transform.apply(to: &y, on: instructions)
      #expect(y == single, "\(instructions)")
    }
  }

  @Test("Input signs act before the transform and after its transpose")
  func signs() throws {
    let n = 24
    let signs = DiagonalTransform.randomSigns(n, stream: stream)
    let signed = try HadamardTransform(order: n, inputSigns: signs.scales)
    let plain = try HadamardTransform(order: n)
    let x = Tensor.normal([7, n], from: stream)
    #expect(x.transformed(by: signed) == x.transformed(by: CompositeTransform([signs, plain])))
    #expect(relativeError(signed.transpose.matrix(), signed.matrix().transposed()) < 1e-6)
    #expect(relativeError(x.transformed(by: signed).transformed(by: signed.inverse), x) < 1e-6)
  }

  @Test("Any leading axes are rows", arguments: [[8], [2, 3, 8], [0, 8]])
  func shapes(shape: [Int]) throws {
    let x = Tensor.normal(shape, from: stream)
    let y = x.transformed(by: try HadamardTransform(order: 8))
    #expect(y.shape == shape)
    let rows = x.reshaped(to: [x.rowCount, 8]).transformed(by: try HadamardTransform(order: 8))
    #expect(y.values == rows.values)
  }

  @Test("The cost counts the additions")
  func cost() throws {
    #expect(try HadamardTransform(order: 1024).flopsPerRow == 1024 * 11)
    #expect(try HadamardTransform(order: 48).flopsPerRow == 48 * (2 + 9 + 1))
  }

  // MARK: Stored matrices

  /// The ±1 matrix √n·P of a transform.
  private func stored(_ transform: any LinearTransform) -> Tensor {
    transform.matrix().map { $0 < 0 ? -1 : 1 }
  }

  @Test(
    "A stored matrix gives back its transform, with signs and in both orientations",
    arguments: [1, 2, 8, 12, 20, 48, 76, 96, 128, 344])
  func matching(n: Int) throws {
    let signs = DiagonalTransform.randomSigns(n, stream: stream).scales
    let plain = try HadamardTransform(order: n)
    #expect(HadamardTransform(matching: stored(plain)) == plain)
    #expect(HadamardTransform(matching: stored(plain.transpose)) == plain.transpose as? HadamardTransform)
    let signed = try HadamardTransform(order: n, inputSigns: signs)
    let found = try #require(HadamardTransform(matching: stored(signed)))
    #expect(stored(found) == stored(signed))
    #expect(found.outer == plain.outer)
  }

  @Test("A matrix from another table is recognised by its structure")
  func foreign() throws {
    // Columns of the outer matrix in another order and with other signs: still Hadamard, in no table here.
    let h = try HadamardMatrix(order: 12)
    let entries = (0..<144).map { h[$0 / 12, ($0 % 12 * 5 + 3) % 12] * ($0 % 12 % 3 == 1 ? -1 : 1) }
    let outer = try #require(HadamardMatrix(given: entries, order: 12))
    let weight = stored(HadamardTransform(outer: outer, levels: 3, inputSigns: (0..<96).map { $0 % 5 < 2 ? -1 : 1 }))
    let found = try #require(HadamardTransform(matching: weight))
    #expect(found.levels == 3)
    #expect(stored(found) == weight)
  }

  @Test("Anything else is not recognised")
  func mismatch() throws {
    var weight = stored(try HadamardTransform(order: 96))
    weight[40, 17].negate()
    #expect(HadamardTransform(matching: weight) == nil)
    #expect(HadamardTransform(matching: Tensor.identity(8)) == nil)
    #expect(HadamardTransform(matching: Tensor(shape: [8, 8], repeating: 1)) == nil)
    #expect(HadamardTransform(matching: Tensor(shape: [4, 8], repeating: 1)) == nil)
    #expect(HadamardTransform(matching: Tensor(shape: [8, 8], repeating: .nan)) == nil)
    #expect(HadamardTransform(matching: Tensor(shape: [3, 3], repeating: 1)) == nil)
  }
}

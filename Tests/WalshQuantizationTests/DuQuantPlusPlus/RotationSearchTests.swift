import TestSupport
import Testing
import WalshFormats
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("DuQuant's searched rotations")
struct RotationSearchTests {
  private static let stream = RandomStream(seed: 2, purpose: "test/search")

  /// The largest entry of |R·Rᵀ − I|.
  private func orthogonalityError(of r: Matrix) -> Double {
    let gram = r * r.transposed
    return (0..<r.rows).flatMap { i in (0..<r.rows).map { j in abs(gram[i, j] - (i == j ? 1 : 0)) } }.max() ?? .nan
  }

  /// An activation of `rows` blocks with a few outlying channels.
  static func activation(rows: Int = 512, width: Int = 32) -> Tensor {
    let channels = Tensor((0..<width).map { $0 % 9 == 4 ? 20 : 1 + Float($0) / 16 })
    return normal([rows, width], "activation").scalingColumns(by: channels)
  }

  @Test(
    "3. The base matrix is orthogonal and its first row constant",
    arguments: [1, 2, 3, 4, 5, 8, 12, 32, 43, 86, 128])
  func base(_ n: Int) {
    let r = OutlierRotation.base(order: n)
    #expect(orthogonalityError(of: r) < 1e-12)
    #expect((0..<n).allSatisfy { abs(r[0, $0] - 1 / Double(n).squareRoot()) < 1e-15 })
  }

  @Test("3. The closed form of order 8, entry by entry")
  func closedForm() {
    let r = OutlierRotation.base(order: 8)
    func root(_ a: Double, _ b: Double) -> Double { (a / b).squareRoot() }
    #expect((0..<8).map { r[1, $0] } == [0, root(1, 6), -root(2, 3), 0, 0, 0, 0, root(1, 6)])
    #expect(
      (0..<8).map { r[5, $0] }
        == [0, root(1, 42), root(1, 42), root(1, 42), root(1, 42), root(1, 42), -root(6, 7), root(1, 42)])
    #expect((0..<8).map { r[6, $0] } == [-root(7, 8)] + Array(repeating: root(1, 56), count: 7))
    #expect((0..<8).map { r[7, $0] } == [0, -root(1, 2), 0, 0, 0, 0, 0, root(1, 2)])
  }

  @Test("3. Exchanging channel c with the first gives the base matrix a constant row c")
  func exchanged() {
    for c in [0, 1, 13, 31] {
      let m = OutlierRotation.base(order: 32).exchangingFirst(with: c)
      #expect(orthogonalityError(of: m) < 1e-12)
      #expect((0..<32).allSatisfy { abs(m[c, $0] - 1 / 32.0.squareRoot()) < 1e-15 })
    }
  }

  @Test("3. Without completion one step spreads a single outlier exactly", arguments: [0, 5, 31])
  func spreads(_ channel: Int) {
    var search = RotationSearch()
    (search.steps, search.completion) = (1, .none)
    let z = Tensor(shape: [1, 32]) { out in
      for j in 0..<32 { out[j] = j == channel ? 16 : 0 }
    }
    let found = search(z, format: .mxfp4, Self.stream)
    #expect(found.channels == [channel] && found.stepCount == 1)
    let spread = z.matmul(Tensor(found.rotation)).values
    #expect(spread.allSatisfy { $0 == Float(16 / 32.0.squareRoot()) })
  }

  @Test("A random completion spreads less evenly: 0.416 is the mean of the first row's greatest entry")
  func completion() {
    let greatest = (0..<100).map { draw in
      let r = OutlierRotation.completedBase(
        order: 32, RandomStream(seed: 2, purpose: "test/completion", index: UInt64(draw)))
      #expect(orthogonalityError(of: r) < 1e-12)
      return (0..<32).map { abs(r[0, $0]) }.max() ?? 0
    }
    let mean = greatest.reduce(0, +) / 100
    #expect(abs(mean - 0.416) < 0.025, "\(mean)")
  }

  @Test(
    "2. Every searched rotation is orthogonal to 1e-6 after 256 steps, and never widens what it minimises",
    arguments: RotationSearch.Index.allCases, RotationSearch.Objective.allCases)
  func orthogonal(_ index: RotationSearch.Index, _ objective: RotationSearch.Objective) {
    for completion in RotationSearch.Completion.allCases {
      var search = RotationSearch()
      (search.index, search.objective, search.completion) = (index, objective, completion)
      let z = Self.activation()
      let found = search(z, format: .mxfp4, Self.stream)
      #expect(found.scores.count == 257 && found.channels.count == 256)
      #expect(orthogonalityError(of: found.rotation) < 1e-12)
      #expect(orthogonalityError(of: Matrix(Tensor(found.rotation))) < 1e-6)
      // What the rotation in Float64 does is what the search saw, step after step in Float32.
      let rotated = z.matmul(Tensor(found.rotation))
      let score =
        objective == .range
        ? rotated.extremes.range
        : (rotated - Quantizer(format: .mxfp4).fakeQuantize(rotated)).sumOfSquares / rotated.sumOfSquares
      #expect(abs(score - found.scores[found.stepCount]) < 1e-3 * score)
      #expect(score < found.scores[0] && found.scores.allSatisfy { $0 >= found.scores[found.stepCount] })
    }
  }

  @Test("2. Where no step helps the rotation is the identity")
  func identity() {
    var search = RotationSearch()
    // Equal magnitudes in a block are as flat as a block can be: every rotation of it has a greater entry.
    let flat = Tensor(shape: [1, 32]) { out in for j in 0..<32 { out[j] = 1 } }
    for steps in [0, 16] {
      search.steps = steps
      let z = steps == 0 ? Self.activation() : flat
      let found = search(z, format: .mxfp4, Self.stream)
      #expect(found.stepCount == 0 && found.rotation == .identity(32))
    }
  }

  @Test("4. On a spike, the channel rule picks its column, and the released rule its row modulo the block size")
  func spike() {
    let (row, column) = (1000, 13)
    let z = Tensor(shape: [2048, 32]) { out in
      out.initialize(repeating: 0.25)
      out[row * 32 + column] = -50
    }
    for (index, expected) in [(RotationSearch.Index.channel, column), (.row, row % 32)] {
      var search = RotationSearch()
      (search.steps, search.index) = (1, index)
      #expect(search(z, format: .mxfp4, Self.stream).channels == [expected])
    }
  }

  @Test("4. A search depends on its stream alone, not on the number of threads")
  func deterministic() {
    let search = RotationSearch()
    let z = Self.activation(rows: 3000)
    let found = withWorkers(1) { search(z, format: .mxfp4, Self.stream) }
    let again = withWorkers(3) { search(z, format: .mxfp4, Self.stream) }
    #expect(found.rotation == again.rotation && found.channels == again.channels && found.scores == again.scores)
    let other = search(z, format: .mxfp4, RandomStream(seed: 3, purpose: "test/search"))
    #expect(other.rotation != found.rotation)
  }

  @Test("Of equal entries the first counts, and the positive one of equal magnitudes")
  func ties() {
    #expect(Tensor([1, -3, 3, 3], shape: [1, 4]).extremes == (6, 2))
    #expect(Tensor([1, -4, 3, -4], shape: [1, 4]).extremes == (7, 1))
    #expect(Tensor((0..<40).map { $0 == 33 ? -9 : 1 }, shape: [1, 40]).extremes == (10, 33))
  }
}

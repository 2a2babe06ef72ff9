import TestSupport
import Testing
import WalshTensor

@testable import WalshTransforms

@Suite("Linear transforms")
struct LinearTransformTests {
  private static let stream = RandomStream(seed: 5, purpose: "test/transforms")
  private static func dense(_ n: Int, _ index: UInt64 = 0) throws -> DenseTransform {
    let noise = Tensor.normal([n, n], from: RandomStream(seed: 5, purpose: "test/dense", index: index))
    return try DenseTransform(noise * 0.3 + Tensor.identity(n) * 2)
  }

  /// One of every kind.
  private static func all() throws -> [any LinearTransform] {
    let signs = DiagonalTransform.randomSigns(24, stream: stream)
    let scales = DiagonalTransform((1...24).map { Float($0) / 7 })
    let permutation = PermutationTransform.random(24, stream: stream)
    return [
      IdentityTransform(24), signs, scales, permutation, try dense(24), try HadamardTransform(order: 24),
      try HadamardTransform(order: 24, inputSigns: signs.scales), try HadamardTransform(order: 24).transpose,
      BlockDiagonalTransform(block: try dense(6), count: 4),
      BlockDiagonalTransform(blocks: [try dense(4), try HadamardTransform(order: 12), IdentityTransform(8)]),
      KroneckerTransform(left: try dense(4), right: try dense(6)),
      KroneckerTransform(left: IdentityTransform(1), right: try dense(24)),
      KroneckerTransform(left: try HadamardTransform(order: 12), right: PermutationTransform([1, 0])),
      CompositeTransform([scales, permutation, try dense(24), signs]),
      try Rotation.randomizedHadamard(24, stream), try Rotation.twoBlock(24, stream), Rotation.haar(24, stream),
      try Rotation.blockHadamard(24, block: 8),
    ]
  }

  @Test("x·P, inverse, transpose and inverse transpose agree with the dense matrices")
  func identities() throws {
    let x = Tensor.normal([3, 5, 24], from: LinearTransformTests.stream)
    for p in try LinearTransformTests.all() {
      let matrix = p.matrix()
      #expect(p.dimension == 24 && matrix.shape == [24, 24])
      #expect(x.transformed(by: p).shape == x.shape)
      #expect(relativeError(x.transformed(by: p), x.matmul(matrix)) < 1e-6, "\(p)")
      #expect(relativeError(x.transformed(by: p).transformed(by: p.inverse), x) < 1e-5, "\(p)")
      #expect(relativeError(p.transpose.matrix(), matrix.transposed()) < 1e-6, "\(p)")
      #expect(relativeError(p.inverseTranspose.matrix(), p.inverse.matrix().transposed()) < 1e-5, "\(p)")
      // (X·P)·(W·P⁻ᵀ)ᵀ = X·Wᵀ
      let w = Tensor.normal([7, 24], from: LinearTransformTests.stream)
      let folded = x.transformed(by: p).matmulTransposed(w.transformed(by: p.inverseTranspose))
      #expect(relativeError(folded, x.matmulTransposed(w)) < 1e-5, "\(p)")
      #expect(!p.description.isEmpty)
    }
  }

  @Test("A transform says that it is orthogonal exactly when its matrix is")
  func orthogonality() throws {
    for p in try LinearTransformTests.all() {
      let gram = p.matrix().matmulTransposed(p.matrix())
      #expect(p.isOrthogonal == (relativeError(gram, .identity(24)) < 1e-5), "\(p)")
      #expect(p.inverse.isOrthogonal == p.isOrthogonal && p.transpose.isOrthogonal == p.isOrthogonal)
    }
  }

  @Test("Applying a transform leaves other copies of a tensor alone")
  func valueSemantics() throws {
    let x = Tensor.normal([4, 24], from: LinearTransformTests.stream)
    let values = x.values
    for p in try LinearTransformTests.all() {
      var y = x
      y.transform(by: p)
      #expect(y == x.transformed(by: p))
      #expect(x.values == values)
    }
  }

  @Test("A Kronecker transform is Lᵀ·M·R")
  func kronecker() throws {
    let (left, right) = (try LinearTransformTests.dense(3), try LinearTransformTests.dense(5, 1))
    let p = KroneckerTransform(left: left, right: right)
    let (l, r, matrix) = (left.matrix(), right.matrix(), p.matrix())
    for i in 0..<15 {
      for j in 0..<15 {
        #expect(abs(matrix[i, j] - l[i / 5, j / 5] * r[i % 5, j % 5]) < 1e-5)
      }
    }
    let m = Tensor.normal([3, 5], from: LinearTransformTests.stream)
    let expected = l.transposed().matmul(m).matmul(r)
    #expect(relativeError(m.reshaped(to: [1, 15]).transformed(by: p).reshaped(to: [3, 5]), expected) < 1e-6)
    #expect(p.flopsPerRow == 5 * 18 + 3 * 50)
  }

  @Test("Balanced factors are those of the published table")
  func balancedFactors() {
    let table = [
      256: 16, 512: 16, 576: 24, 768: 24, 896: 28, 1024: 32, 1152: 32, 1536: 32, 2048: 32, 2560: 40, 3072: 48,
      3584: 56,
      4096: 64, 4864: 64, 5120: 64, 8192: 64, 8960: 80, 9728: 76, 11008: 86, 13824: 108, 14336: 112, 18944: 128,
      27648: 144, 28672: 128, 1: 1, 6: 2, 13: 1, 4098: 6,
    ]
    for (n, n1) in table {
      let factors = KroneckerTransform.balancedFactors(of: n)
      #expect(factors == (n1, n / n1), "\(n)")
    }
  }

  @Test("A permutation moves channels where it says")
  func permutation() {
    let p = PermutationTransform([2, 0, 1])
    #expect(Tensor([10, 20, 30]).transformed(by: p) == Tensor([30, 10, 20]))
    #expect(Tensor([30, 10, 20]).transformed(by: p.inverse) == Tensor([10, 20, 30]))
  }

  @Test("A block-diagonal transform of different blocks leaves the others' channels alone")
  func blocks() {
    let p = BlockDiagonalTransform(blocks: [PermutationTransform([1, 0]), DiagonalTransform([3])])
    #expect(Tensor([1, 2, 4], shape: [1, 3]).transformed(by: p) == Tensor([2, 1, 12], shape: [1, 3]))
  }

  @Test("Compositions are flat and act from left to right")
  func composition() {
    let p = CompositeTransform([
      CompositeTransform([DiagonalTransform([2, 3]), PermutationTransform([1, 0])]), DiagonalTransform([5, 7]),
    ])
    #expect(p.parts.count == 3)
    #expect(Tensor([1, 1]).transformed(by: p) == Tensor([15, 14]))
  }

  @Test("A singular matrix is an error")
  func singular() {
    #expect(throws: LinearAlgebraError.singular(column: 1)) {
      try DenseTransform(Tensor([1, 2, 2, 4], shape: [2, 2]))
    }
  }

  @Test("One and two threads give the same bits")
  func threads() throws {
    let x = Tensor.normal([500, 384], from: LinearTransformTests.stream)
    let p = CompositeTransform([
      DiagonalTransform.randomSigns(384, stream: LinearTransformTests.stream),
      PermutationTransform.random(384, stream: LinearTransformTests.stream),
      KroneckerTransform(left: try LinearTransformTests.dense(16), right: try HadamardTransform(order: 24)),
    ])
    let workers = Parallel.workerCount
    defer { Parallel.workerCount = workers }
    Parallel.workerCount = 1
    let single = x.transformed(by: p)
    Parallel.workerCount = 2
    #expect(x.transformed(by: p) == single)
  }
}

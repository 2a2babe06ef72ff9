import TestSupport
import Testing
import WalshTensor
import WalshTransforms

@Suite("Gradients of transforms")
struct TransformGradientTests {
  @Test("The gradient of x in x·P is g·Pᵀ, whatever P is")
  func transposes() throws {
    let stream = RandomStream(seed: 2, purpose: "transform gradients")
    let p = Tensor.normal([12, 12], from: stream)
    let transforms: [any LinearTransform] = [
      try HadamardTransform(order: 12), try DenseTransform(p), DiagonalTransform((1...12).map(Float.init)),
      CompositeTransform([try DenseTransform(p), try HadamardTransform(order: 12)]),
    ]
    let x = Tensor.normal([5, 12], from: RandomStream(seed: 2, purpose: "x")).tracked()
    let seed = Tensor.normal([5, 12], from: RandomStream(seed: 2, purpose: "seed"))
    for transform in transforms {
      var inPlace = x
      inPlace.transform(by: transform)
      let y = x.transformed(by: transform)
      #expect(y == inPlace && y.detached() == x.detached().transformed(by: transform))
      let expected = seed.matmulTransposed(transform.matrix())
      for result in [y, inPlace] {
        #expect(relativeError(result.gradients(of: [x], seed: seed)[0], expected) < 1e-6, "\(transform)")
      }
    }
  }

  @Test("A Kronecker product written in tensor operations has the gradients of FlatQuant 3.6")
  func kronecker() throws {
    func normal(_ shape: [Int], _ name: String) -> Tensor {
      .normal(shape, from: RandomStream(seed: 2, purpose: name))
    }
    let (rows, n1, n2) = (5, 3, 4)
    let x = normal([rows, n1 * n2], "x").tracked()
    let l = normal([n1, n1], "left").tracked()
    let r = normal([n2, n2], "right").tracked()
    // Lᵀ·M·R of every row M: R from the right, then L on the transposed matrices.
    let y = x.reshaped(to: [rows, n1, n2]).matmul(r).transposed().matmul(l).transposed().reshaped(to: x.shape)
    let left = try DenseTransform(l.detached())
    let right = try DenseTransform(r.detached())
    #expect(relativeError(y, x.transformed(by: KroneckerTransform(left: left, right: right))) < 1e-6)

    let seed = normal(x.shape, "seed")
    let found = y.gradients(of: [x, l, r], seed: seed)
    var (dx, dl, dr) = (Tensor.zeros([0, n1 * n2]), Tensor.zeros([n1, n1]), Tensor.zeros([n2, n2]))
    for t in 0..<rows {
      let m = x.detached().row(t).reshaped(to: [n1, n2])
      let g = seed.row(t).reshaped(to: [n1, n2])
      dx = .stackingRows([dx, l.detached().matmul(g).matmulTransposed(r.detached()).reshaped(to: [n1 * n2])])
      dl += m.matmul(r.detached()).matmulTransposed(g)
      dr += m.transposed().matmul(l.detached()).matmul(g)
    }
    for (gradient, expected) in zip(found, [dx, dl, dr]) { #expect(relativeError(gradient, expected) < 1e-5) }
  }

  @Test("Cayley's map written in tensor operations has the gradient of FlatQuant 3.6; the upper triangle is dead")
  func cayley() throws {
    let n = 6
    let theta = Tensor.normal([n, n], from: RandomStream(seed: 2, purpose: "theta")).tracked()
    let mask = Tensor((0..<n * n).map { $0 / n > $0 % n ? 1 : 0 }, shape: [n, n])
    let lower = theta * mask
    let half = (lower - lower.transposed()) * 0.5
    let m = try (Tensor.identity(n) - half).inverted()
    let u = m * 2 - Tensor.identity(n)
    #expect(relativeError(u.matmulTransposed(u), Tensor.identity(n)) < 1e-6)

    let seed = Tensor.normal([n, n], from: RandomStream(seed: 2, purpose: "seed"))
    let transposed = m.detached().transposed()
    let k = transposed.matmul(seed).matmul(transposed)
    let gradient = u.gradients(of: [theta], seed: seed)[0]
    #expect(relativeError(gradient, (k - k.transposed()) * mask) < 1e-5)
    #expect(zip(gradient.values, mask.values).allSatisfy { $1 == 1 || $0 == 0 })
  }

  @Test("A transform holds constants and refuses a tracked matrix")
  func constants() async {
    await #expect(processExitsWith: .failure) { _ = try DenseTransform(Tensor.identity(2).tracked()) }
  }
}

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
}

import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshTensor

@testable import WalshModels

@Suite("Weights in bfloat16")
struct BFloat16WeightTests {
  @Test("A linear layer in bfloat16 computes what its widened weight computes")
  func layer() {
    let stream = RandomStream(seed: 1, purpose: "test/bfloat16-layer")
    func normal(_ shape: [Int]) -> Tensor {
      Tensor(shape: shape) { p in for i in p.indices { p[i] = Float(stream.normal(at: i + shape[0] * 1000)) } }
    }
    let weight = BFloat16Matrix(rounding: normal([24, 50]))
    let narrow = Linear(.bfloat16(weight), bias: normal([24]))
    let wide = Linear(.dense(narrow.denseWeight), bias: narrow.bias)
    let x = normal([7, 50])
    #expect(relativeError(narrow(x), wide(x)) < 1e-6)
    #expect(narrow.denseWeight.values == weight.unpacked().values)
  }
}

import Testing
import TestSupport
import WalshFormats
import WalshTensor

@testable import WalshModels

@Suite("Key-value cache")
struct KeyValueCacheTests {
  private let keys = Tensor.normal([9, 24], from: RandomStream(seed: 1, purpose: "keys"))
  private let values = Tensor.normal([9, 24], from: RandomStream(seed: 1, purpose: "values"))

  @Test(
    "Rows appended in pieces read back whole", arguments: [[9], [1, 1, 7], [4, 5], [1, 1, 1, 1, 1, 1, 1, 1, 1]])
  func pieces(_ sizes: [Int]) {
    let cache = KeyValueCache(width: 24, headSize: 8, format: nil)
    var start = 0
    for size in sizes {
      cache.append(keys: keys.rows(start..<start + size), values: values.rows(start..<start + size))
      start += size
    }
    #expect(cache.keys.unpacked() == keys)
    #expect(cache.values.unpacked() == values)
    #expect(cache.tokenCount == 9)
  }

  @Test("A quantized cache holds each token and head rounded on its own")
  func quantized() {
    let format = NumericFormat.intPerRow(4, symmetric: false)
    let cache = KeyValueCache(width: 24, headSize: 8, format: format)
    cache.append(keys: keys.rows(0..<4), values: values.rows(0..<4))
    cache.append(keys: keys.rows(4..<9), values: values.rows(4..<9))
    let rounded = Quantizer(format: format).fakeQuantize(keys.reshaped(to: [27, 8])).reshaped(to: [9, 24])
    #expect(cache.keys.unpacked() == rounded)
    // Half a byte per number, a scale and a zero point for each token and head, against four bytes per number.
    #expect(cache.byteCount < 2 * 9 * 24 * 4 / 3)
  }
}

import CKernels
import TestSupport
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Products of rounded activations with matrices in bfloat16")
struct BFloat16RoundingTests {
  private func normal(_ shape: [Int], _ purpose: String) -> Tensor {
    let stream = RandomStream(seed: 5, purpose: "test/bfloat16-rounding/" + purpose)
    return Tensor(shape: shape) { p in for i in p.indices { p[i] = Float(stream.normal(at: i)) } }
  }

  @Test("Products equal the Float64 ones of rounded activations to 2e-6", arguments: InstructionSet.available)
  func products(instructions: InstructionSet) {
    for columns in [1, 2, 31, 32, 37, 256, 1001] {
      for (rows, tokens) in [(1, 1), (5, 2), (70, 7), (131, 13)] {
        let w = BFloat16Matrix(rounding: normal([rows, columns], "w"))
        let x = normal([tokens, columns], "x")
        let rounded = BFloat16Matrix(rounding: x).unpacked()
        let expected = Tensor(shape: [tokens, rows]) { y in
          rounded.withUnsafeBufferPointer {
            walsh_bfloat16_dot_rows_scalar(w.bits, rows, $0.baseAddress, tokens, columns, y.baseAddress, rows)
          }
        }
        let product = w.multiply(rounding: x, on: instructions)
        #expect(relativeError(product, expected) < 2e-6, "\(tokens) · \(rows) × \(columns)")
      }
    }
  }

  @Test("Rounding is a choice: the exact product differs from it by more than sums in another order do")
  func differsFromExact() {
    let w = BFloat16Matrix(rounding: normal([40, 512], "w"))
    let x = normal([8, 512], "x")
    let error = relativeError(w.multiply(rounding: x), w.multiply(x))
    #expect(error > 1e-4 && error < 0x1p-8)
  }

  @Test("A token's result has the same bits alone and in a batch", arguments: InstructionSet.available)
  func batches(instructions: InstructionSet) {
    let w = BFloat16Matrix(rounding: normal([67, 333], "w"))
    let x = normal([14, 333], "x")
    let all = w.multiply(rounding: x, on: instructions)
    for t in 0..<14 { #expect(w.multiply(rounding: x.row(t), on: instructions).values == all.row(t).values) }
  }

  @Test("NaN and infinity in an activation reach the result", arguments: InstructionSet.available)
  func notFinite(instructions: InstructionSet) {
    let w = BFloat16Matrix(rounding: Tensor(shape: [5, 40], repeating: 1))
    var x = Tensor(shape: [2, 40], repeating: 1)
    x[0, 7] = .nan
    x[1, 39] = .infinity
    let y = w.multiply(rounding: x, on: instructions)
    #expect(y.row(0).values.allSatisfy { $0.isNaN })
    #expect(y.row(1).values.allSatisfy { $0 == .infinity })
  }

  @Test("No rows, no columns and no tokens", arguments: InstructionSet.available)
  func empty(instructions: InstructionSet) {
    #expect(
      BFloat16Matrix(bits: [], rows: 0, columns: 4).multiply(rounding: normal([2, 4], "x"), on: instructions).shape
        == [2, 0])
    let noColumns = BFloat16Matrix(bits: [], rows: 3, columns: 0)
    #expect(noColumns.multiply(rounding: Tensor.zeros([2, 0]), on: instructions).values == [0, 0, 0, 0, 0, 0])
    let w = BFloat16Matrix(rounding: normal([3, 4], "w"))
    #expect(w.multiply(rounding: Tensor.zeros([0, 4]), on: instructions).shape == [0, 3])
  }

  @Test("The gradient by the input is that of the widened matrix", arguments: InstructionSet.available)
  func gradient(instructions: InstructionSet) {
    let w = BFloat16Matrix(rounding: normal([6, 10], "w"))
    let x = normal([3, 10], "x").tracked()
    let rounded = w.multiply(rounding: x, on: instructions).summed().gradients(of: [x])
    let dense = x.matmulTransposed(w.unpacked()).summed().gradients(of: [x])
    #expect(relativeError(rounded[0], dense[0]) < 1e-6)
  }
}

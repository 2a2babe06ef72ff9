import CKernels
import TestSupport
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Matrices in bfloat16")
struct BFloat16MatrixTests {
  private func normal(_ shape: [Int], _ purpose: String) -> Tensor {
    let stream = RandomStream(seed: 3, purpose: "test/bfloat16/" + purpose)
    return Tensor(shape: shape) { p in for i in p.indices { p[i] = Float(stream.normal(at: i)) } }
  }

  @Test("Rounding and widening give the nearest bfloat16")
  func rounding() {
    let values: [Float] = [1, -2.5, 0, 1 + 0x1p-8, 1 + 0x1p-7 + 0x1p-8, 0x1p-130, .infinity]
    let matrix = BFloat16Matrix(rounding: Tensor(values, shape: [1, values.count]))
    #expect(matrix.unpacked().values == [1, -2.5, 0, 1, 1 + 0x1p-6, 0x1p-130, .infinity])
    #expect(matrix.byteCount == 2 * values.count)
    #expect(BFloat16Matrix(rounding: matrix.unpacked()) == matrix)
  }

  @Test("Products are within 2⁻²² · Σ|x·w| of the reference in Float64", arguments: InstructionSet.available)
  func products(instructions: InstructionSet) {
    for columns in [1, 3, 16, 37, 256, 1000] {
      for (rows, tokens) in [(1, 1), (5, 2), (70, 7), (131, 13)] {
        let w = BFloat16Matrix(rounding: normal([rows, columns], "w"))
        let x = normal([tokens, columns], "x")
        func reference(_ w: BFloat16Matrix, _ x: Tensor) -> Tensor {
          Tensor(shape: [tokens, rows]) { y in
            x.withUnsafeBufferPointer {
              walsh_bfloat16_dot_rows_scalar(w.bits, rows, $0.baseAddress, tokens, columns, y.baseAddress, rows)
            }
          }
        }
        // Terms may cancel, so that a sum is measured by the sum of magnitudes.
        let scale = reference(BFloat16Matrix(rounding: w.unpacked().magnitude()), x.magnitude())
        let errors = (w.multiply(x, on: instructions) - reference(w, x)).magnitude() / scale
        #expect(errors.maxMagnitude <= 0x1p-22, "\(tokens) · \(rows) × \(columns)")
      }
    }
  }

  @Test("The scalar reference is the product of the widened matrix")
  func reference() {
    let w = BFloat16Matrix(rounding: normal([9, 40], "w"))
    let x = normal([4, 40], "x")
    let wide = w.unpacked()
    var expected: [Double] = []
    for t in 0..<4 {
      for r in 0..<9 { expected.append((0..<40).reduce(0.0) { $0 + Double(x[t, $1]) * Double(wide[r, $1]) }) }
    }
    var y = [Float](repeating: 0, count: 36)
    x.withUnsafeBufferPointer { walsh_bfloat16_dot_rows_scalar(w.bits, 9, $0.baseAddress, 4, 40, &y, 9) }
    #expect(relativeError(y.map(Double.init), expected) < 1e-7)
  }

  @Test("A token's result has the same bits alone and in a batch", arguments: InstructionSet.available)
  func batches(instructions: InstructionSet) {
    let w = BFloat16Matrix(rounding: normal([67, 333], "w"))
    let x = normal([14, 333], "x")
    let all = w.multiply(x, on: instructions)
    for t in 0..<14 { #expect(w.multiply(x.row(t), on: instructions).values == all.row(t).values) }
  }

  @Test("No rows, no columns and no tokens")
  func empty() {
    #expect(BFloat16Matrix(bits: [], rows: 0, columns: 4).multiply(normal([2, 4], "x")).shape == [2, 0])
    #expect(
      BFloat16Matrix(bits: [], rows: 3, columns: 0).multiply(Tensor.zeros([2, 0])).values == [0, 0, 0, 0, 0, 0])
    #expect(BFloat16Matrix(rounding: normal([3, 4], "w")).multiply(Tensor.zeros([0, 4])).shape == [0, 3])
  }

  @Test("The gradient by the input is that of the widened matrix")
  func gradient() {
    let w = BFloat16Matrix(rounding: normal([6, 10], "w"))
    let x = normal([3, 10], "x").tracked()
    let packed = (w.multiply(x) * w.multiply(x)).summed().gradients(of: [x])
    let dense = (x.matmulTransposed(w.unpacked()) * x.matmulTransposed(w.unpacked())).summed().gradients(of: [x])
    #expect(relativeError(packed[0], dense[0]) < 1e-6)
  }
}

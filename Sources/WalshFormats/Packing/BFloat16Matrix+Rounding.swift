import CKernels
import WalshTensor

extension BFloat16Matrix {
  /// x Wᵀ for `x` of shape `[…, columns]`, giving `[…, rows]`, with `x` rounded to bfloat16 (nearest even) first.
  ///
  /// An arithmetic of its own, for prefill where speed matters more than the lower bits of activations: each of them has
  /// a relative error of up to 2^-9, which `multiply(_:)` does not have. Products are exact, sums Float32.
  /// The result for a token is the same in a batch of any size and with any number of threads. With AVX-512 it runs up to
  /// twice as fast as `multiply(_:)` and takes subnormal numbers as zero; elsewhere it is `multiply(_:)` of the rounded
  /// activations, equal up to the order of the sums.
  /// Differentiable by `x`, with rounding taken as the identity; W is frozen.
  public func multiply(rounding x: Tensor) -> Tensor { multiply(rounding: x, on: .best) }

  /// The product with the kernels of one instruction set.
  public func multiply(rounding x: Tensor, on instructions: InstructionSet) -> Tensor {
    precondition(
      x.rank > 0 && x.columns == columns,
      "A product x Wᵀ needs as many columns in x as in W, but x has shape \(x.shape) and W \(columns) columns.")
    let rounded = BFloat16Matrix(rounding: x.detached().reshaped(to: [x.rowCount, columns]))
    return product(rounded, on: instructions).reshaped(to: x.shape.dropLast() + [rows])
      .recorded(from: x) { _ in { $0.matmul(unpacked()) } }
  }

  private func product(_ x: BFloat16Matrix, on instructions: InstructionSet) -> Tensor {
    #if arch(x86_64)
      if instructions == .avx512 { return productOfPairs(x) }
    #endif
    return multiply(x.unpacked(), on: instructions)
  }

  #if arch(x86_64)
    private func productOfPairs(_ x: BFloat16Matrix) -> Tensor {
      Tensor(shape: [x.rows, rows]) { y in
        bits.withUnsafeBufferPointer { bits in
          x.bits.withUnsafeBufferPointer { tokens in
            guard let output = y.baseAddress else { return }
            guard let input = tokens.baseAddress, let w = bits.baseAddress else { return y.initialize(repeating: 0) }
            // 50 µs of one core are about 4 million multiply-adds.
            forEachTile(tokens: x.rows, grain: 4_000_000) { first, count in
              walsh_bfloat16_pairs_rows(w + first * columns, count, input, x.rows, columns, output + first, rows)
            }
          }
        }
      }
    }
  #endif
}

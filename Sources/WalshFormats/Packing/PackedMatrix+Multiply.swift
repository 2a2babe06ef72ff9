import CKernels
import WalshTensor

/// Products with a packed matrix, of any format. Who multiplies more than once makes an `InterleavedMatrix` first.
extension PackedMatrix {
  /// The rows of W that are decoded at a time; a constant, so that the work is cut the same way for any thread count.
  private static let tileRows = 16

  /// x Wᵀ for `x` of shape `[…, columns]`, giving `[…, rows]`.
  ///
  /// Four-bit formats are interleaved and multiplied, see `InterleavedMatrix.multiply`. Rows of the others are decoded
  /// in tiles; sums are Float32 in an order that depends on `columns` and the instruction set only. The relative error
  /// is about 1e-6 · √columns. Differentiable by `x`; W is frozen.
  public func multiply(_ x: Tensor) -> Tensor {
    InterleavedMatrix(self)?.multiply(x) ?? multiplyDecoded(x)
  }

  private func multiplyDecoded(_ x: Tensor) -> Tensor {
    precondition(
      x.rank > 0 && x.columns == columns,
      "A product x Wᵀ needs as many columns in x as in W, but x has shape \(x.shape) and W \(columns) columns.")
    let tokens = x.rowCount
    return x.withUnsafeBufferPointer { x in
      Tensor(shape: [tokens, rows]) { y in
        guard let input = x.baseAddress, let output = y.baseAddress else { return }
        Parallel.forEachChunk(of: rows, size: Self.tileRows) { range in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count * columns) { tile in
            guard let w = tile.baseAddress else { return }
            unpack(rows: range, into: w)
            walsh_dot_rows(
              InstructionSet.best.rawValue, w, range.count, input, tokens, columns, output + range.lowerBound, rows)
          }
        }
      }
    }.reshaped(to: x.shape.dropLast() + [rows]).recorded(from: x) { _ in { $0.matmul(unpacked()) } }
  }

  /// x Wᵀ for packed activations `x` of the same format family, shape `[x.rows, rows]`: four bits in equal groups, whose
  /// sums are exact. See `InterleavedMatrix`.
  public func multiply(_ x: PackedMatrix) -> Tensor {
    guard let w = InterleavedMatrix(self) else {
      preconditionFailure("A product of packed matrices needs four bits in equal groups, not \(format).")
    }
    return w.multiply(QuantizedRows(x, for: w))
  }
}

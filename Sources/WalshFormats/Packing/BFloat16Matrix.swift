import CKernels
import WalshTensor

/// A matrix that stays in bfloat16, two bytes a value: a weight at the width of its checkpoint.
///
/// bfloat16 is the upper half of a Float32, so widening is exact: products equal those of `unpacked()` up to the order
/// of their sums.
public struct BFloat16Matrix: Hashable, Sendable {
  /// The bits of the values, row-major.
  public let bits: [UInt16]
  /// The rows: output features of a weight.
  public let rows: Int
  /// The columns: input features of a weight.
  public let columns: Int

  /// The bytes of the values.
  public var byteCount: Int { 2 * bits.count }

  /// The rows of W that one item of a parallel product takes; a constant, so that the work is cut the same way for any
  /// thread count. With 4096 columns they fill half of a second-level cache, and every token passes over them.
  private static let tileRows = 64

  /// A matrix of the bfloat16 values `bits`, row-major, `rows · columns` of them.
  public init(bits: [UInt16], rows: Int, columns: Int) {
    precondition(
      rows >= 0 && columns >= 0 && bits.count == rows * columns,
      "\(bits.count) bfloat16 values do not fill \(rows) rows of \(columns).")
    self.bits = bits
    self.rows = rows
    self.columns = columns
  }

  /// `matrix`, of shape `[rows, columns]`, rounded to nearest even.
  public init(rounding matrix: Tensor) {
    precondition(matrix.rank == 2, "A bfloat16 matrix has two axes, not the shape \(matrix.shape).")
    let bits = [UInt16](unsafeUninitializedCapacity: matrix.count) { bits, count in
      matrix.withUnsafeBufferPointer { values in
        guard let source = values.baseAddress, let destination = bits.baseAddress else { return }
        Parallel.forEachChunk(of: values.count, size: 1 << 17) { range in
          walsh_bfloat16_from_float(source + range.lowerBound, destination + range.lowerBound, range.count)
        }
      }
      count = matrix.count
    }
    self.init(bits: bits, rows: matrix.shape[0], columns: matrix.columns)
  }

  /// The values in Float32, exact, shape `[rows, columns]`.
  public func unpacked() -> Tensor {
    Tensor(shape: [rows, columns]) { values in
      bits.withUnsafeBufferPointer { bits in
        guard let source = bits.baseAddress, let destination = values.baseAddress else { return }
        Parallel.forEachChunk(of: bits.count, size: 1 << 17) { range in
          walsh_float_from_bfloat16(source + range.lowerBound, destination + range.lowerBound, range.count)
        }
      }
    }
  }

  /// Writes row `i` in Float32, exact, over `y`, which has `columns` values: an embedding.
  public func unpackRow(_ i: Int, into y: UnsafeMutableBufferPointer<Float>) {
    precondition(
      (0..<rows).contains(i) && y.count == columns,
      "Row \(i) of \(rows) rows of \(columns) does not fit \(y.count) values.")
    bits.withUnsafeBufferPointer { bits in
      if let source = bits.baseAddress, let destination = y.baseAddress {
        walsh_float_from_bfloat16(source + i * columns, destination, columns)
      }
    }
  }

  /// x Wᵀ for `x` of shape `[…, columns]`, giving `[…, rows]`.
  ///
  /// Products and sums are Float32, in an order that depends on `columns` and the instruction set only: the result for a
  /// token is the same in a batch of any size and with any number of threads. The relative error is about
  /// 1e-7 · √columns. Cost: W is read once for one token; for many, 2 · tokens · rows · columns operations.
  /// Differentiable by `x`; W is frozen.
  public func multiply(_ x: Tensor) -> Tensor { multiply(x, on: .best) }

  /// The product with the kernels of one instruction set.
  public func multiply(_ x: Tensor, on instructions: InstructionSet) -> Tensor {
    precondition(
      x.rank > 0 && x.columns == columns,
      "A product x Wᵀ needs as many columns in x as in W, but x has shape \(x.shape) and W \(columns) columns.")
    let tokens = x.rowCount
    return x.withUnsafeBufferPointer { x in
      Tensor(shape: [tokens, rows]) { y in
        bits.withUnsafeBufferPointer { bits in
          guard let output = y.baseAddress else { return }
          guard let input = x.baseAddress, let w = bits.baseAddress else { return y.initialize(repeating: 0) }
          // 50 µs of one core are about 2 million multiply-adds, or half a million weights from memory.
          forEachTile(tokens: tokens, grain: 2_000_000) { first, count in
            walsh_bfloat16_dot_rows(
              instructions.rawValue, w + first * columns, count, input, tokens, columns, output + first, rows)
          }
        }
      }
    }.reshaped(to: x.shape.dropLast() + [rows]).recorded(from: x) { _ in { $0.matmul(unpacked()) } }
  }

  /// Calls `body` with the first row of every tile of W and the number of its rows, on several threads.
  ///
  /// - Parameter grain: the multiply-adds worth a thread; reading W costs as much as four tokens.
  func forEachTile(tokens: Int, grain: Int, _ body: (_ first: Int, _ count: Int) -> Void) {
    let work = max(1, Self.tileRows * columns * max(4, tokens))
    Parallel.forEach((rows + Self.tileRows - 1) / Self.tileRows, grain: 1 + grain / work) { tile in
      let first = tile * Self.tileRows
      body(first, min(Self.tileRows, rows - first))
    }
  }
}

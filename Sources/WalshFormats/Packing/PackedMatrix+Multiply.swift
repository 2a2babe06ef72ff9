import CKernels
import WalshTensor

/// Products with a packed matrix.
///
/// These are the portable forms: rows are decoded in fixed tiles and multiplied, whatever the format. A kernel that
/// computes on the packed bits replaces the body of a tile (`unpack` and the dot product) and nothing else.
extension PackedMatrix {
  /// The rows of W that are decoded at a time; a constant, so that the work is cut the same way for any thread count.
  private static let tileRows = 16

  /// x Wᵀ for `x` of shape `[…, columns]`, giving `[…, rows]`.
  ///
  /// Sums are Float32 in an order that depends on `columns` and the instruction set only; the relative error is about
  /// 1e-6 · √columns. Cost: W is decoded once, then 2 · tokens · rows · columns operations. Differentiable by `x`; W is
  /// frozen.
  public func multiply(_ x: Tensor) -> Tensor {
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

  /// x Wᵀ for packed activations `x` of the same format family, shape `[x.rows, rows]`.
  ///
  /// Both are E2M1 with the same group size. The sum of a group is an exact integer in doubled codes; it meets the
  /// product of the two scales, groups are added in order in Float32, and the tensor scales divide once at the end:
  /// the same bits for every instruction set. Section 2.9 of the number formats.
  public func multiply(_ x: PackedMatrix) -> Tensor {
    multiply(x, isa: .best)
  }

  func multiply(_ x: PackedMatrix, isa: InstructionSet) -> Tensor {
    let group = format.groupSize(columns: columns)
    precondition(
      format.element == .e2m1 && x.format.element == .e2m1 && group == x.format.groupSize(columns: columns)
        && group % 16 == 0 && group <= 1024 && columns == x.columns,
      "A product of packed matrices needs E2M1 in equal groups, not \(x.format) × \(x.columns) columns by \(format) × \(columns)."
    )
    let groups = blockScales.groupsPerRow
    let padded = groups * group
    let scale = (globalScale ?? 1, x.globalScale ?? 1)
    var activations = [Int8](repeating: 0, count: x.rows * padded)
    activations.withUnsafeMutableBufferPointer { values in
      guard let base = values.baseAddress else { return }
      x.double(rows: 0..<x.rows, padded: padded, into: base)
    }
    let activationScales = x.storedScales(rows: 0..<x.rows)
    return Tensor(shape: [x.rows, rows]) { y in
      guard let output = y.baseAddress else { return }
      Parallel.forEachChunk(of: rows, size: Self.tileRows) { range in
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: range.count * padded) { tile in
          guard let w = tile.baseAddress else { return }
          double(rows: range, padded: padded, into: w)
          walsh_dot_fp4(
            isa.rawValue, w, storedScales(rows: range), range.count, activations, activationScales, x.rows, groups,
            group, output + range.lowerBound, rows)
        }
      }
      for i in y.indices { y[i] = y[i] / scale.0 / scale.1 }
    }
  }

  /// Twice the element values of some rows, each padded with zeros.
  private func double(rows range: Range<Int>, padded: Int, into values: UnsafeMutablePointer<Int8>) {
    codes.withUnsafeBufferPointer { codes in
      guard let base = codes.baseAddress else { return }
      for (i, row) in range.enumerated() {
        walsh_double_fp4(base + row * rowByteCount, columns, padded, values + i * padded)
      }
    }
  }

  /// The scales of some rows as they are stored, without the tensor scale.
  private func storedScales(rows range: Range<Int>) -> [Float] {
    let groups = blockScales.groupsPerRow
    let plain = BlockScales(
      format: format, rows: rows, columns: columns, bytes: scales, tensorScale: 1, zeroPoints: zeroPoints)
    return range.flatMap { row in (0..<groups).map { plain.scale(row: row, group: $0) } }
  }
}

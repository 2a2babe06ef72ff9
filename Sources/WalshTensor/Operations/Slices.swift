extension Tensor {
  /// The columns `range` of every row, this shape with the last extent replaced; a copy.
  public func columns(_ range: Range<Int>) -> Tensor {
    precondition(
      rank > 0 && range.lowerBound >= 0 && range.upperBound <= columns,
      "Columns \(range) do not exist in a tensor of shape \(shape).")
    let n = columns
    let slice = Tensor(shape: shape.dropLast() + [range.count]) { out in
      withUnsafeBufferPointer { x in
        Parallel.forEachChunk(ofRows: rowCount, columns: range.count) { rows in
          for r in rows {
            for j in range { out[r * range.count + j - range.lowerBound] = x[r * n + j] }
          }
        }
      }
    }
    return slice.recorded(from: self) { [shape, rowCount] _ in
      { gradient in
        Tensor(shape: shape) { out in
          gradient.withUnsafeBufferPointer { g in
            Parallel.forEachChunk(ofRows: rowCount, columns: n) { rows in
              for r in rows {
                for j in 0..<range.lowerBound { out[r * n + j] = 0 }
                for j in range { out[r * n + j] = g[r * range.count + j - range.lowerBound] }
                for j in range.upperBound..<n { out[r * n + j] = 0 }
              }
            }
          }
        }
      }
    }
  }

  /// All rows of `tensors` one below the other, a matrix; their last extents must agree.
  public static func stackingRows(_ tensors: [Tensor]) -> Tensor {
    guard let first = tensors.first else { return Tensor([], shape: [0, 0]) }
    precondition(tensors.allSatisfy { $0.columns == first.columns }, "Stacked rows have one length.")
    let stacked = Tensor(shape: [tensors.reduce(0) { $0 + $1.rowCount }, first.columns]) { out in
      var position = 0
      for tensor in tensors {
        tensor.withUnsafeBufferPointer { x in
          _ = UnsafeMutableBufferPointer(rebasing: out[position..<position + x.count]).initialize(from: x)
          position += x.count
        }
      }
    }
    return stacked.recorded(from: tensors) { inputs in
      let shapes = inputs.map { ($0.rowCount, $0.shape) }
      return { gradient, _ in
        var row = 0
        return shapes.map { rows, shape in
          defer { row += rows }
          return gradient.rows(row..<row + rows).reshaped(to: shape)
        }
      }
    }
  }

  /// The rows of all `tensors` side by side; their shapes must agree but for the last extent.
  public static func joiningColumns(_ tensors: [Tensor]) -> Tensor {
    guard let first = tensors.first else { return Tensor([], shape: [0, 0]) }
    precondition(
      tensors.allSatisfy { $0.rank > 0 && $0.shape.dropLast() == first.shape.dropLast() },
      "Tensors are joined along columns when their other extents agree.")
    let n = tensors.reduce(0) { $0 + $1.columns }
    let joined = Tensor(shape: first.shape.dropLast() + [n]) { out in
      var start = 0
      for tensor in tensors {
        let width = tensor.columns
        tensor.withUnsafeBufferPointer { x in
          for r in 0..<first.rowCount { for j in 0..<width { out[r * n + start + j] = x[r * width + j] } }
        }
        start += width
      }
    }
    return joined.recorded(from: tensors) { inputs in
      let widths = inputs.map(\.columns)
      return { gradient, _ in
        var start = 0
        return widths.map { width in
          defer { start += width }
          return gradient.columns(start..<start + width)
        }
      }
    }
  }

  /// Zeros of `shape`, but for the values of `part`, which lie from position `start` on.
  static func zeros(_ shape: [Int], except part: Tensor, at start: Int) -> Tensor {
    Tensor(shape: shape) { out in
      out.initialize(repeating: 0)
      part.withUnsafeBufferPointer { x in for i in x.indices { out[start + i] = x[i] } }
    }
  }
}

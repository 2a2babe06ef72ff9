extension Tensor {
  /// Multiplies column j of every row by `factors[j]`; `factors` has `columns` values.
  public func scalingColumns(by factors: Tensor) -> Tensor {
    combiningRows(with: factors) { $0 * $1 }.recorded(from: self, factors) { x, f in
      ({ $0.scalingColumns(by: f) }, { $0.columnSums(times: x).reshaped(to: f.shape) })
    }
  }

  /// Divides column j of every row by `divisors[j]`.
  public func dividingColumns(by divisors: Tensor) -> Tensor {
    let quotient = combiningRows(with: divisors) { $0 / $1 }
    return quotient.recorded(from: self, divisors) { _, d in
      ({ $0.dividingColumns(by: d) }, { -($0.columnSums(times: quotient).reshaped(to: d.shape) / d) })
    }
  }

  /// Adds `bias[j]` to column j of every row.
  public func addingToRows(_ bias: Tensor) -> Tensor {
    combiningRows(with: bias) { $0 + $1 }.recorded(from: self, bias) { [shape = bias.shape] _, _ in
      ({ $0 }, { $0.columnSums().reshaped(to: shape) })
    }
  }

  /// Multiplies row i, along the last axis, by `factors[i]`; `factors` has `rowCount` values.
  public func scalingRows(by factors: Tensor) -> Tensor {
    precondition(factors.count == rowCount, "\(factors.count) factors do not scale the rows of \(shape).")
    let n = columns
    let product = Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        factors.withUnsafeBufferPointer { f in
          Parallel.forEachChunk(ofRows: rowCount, columns: n) { rows in
            for r in rows {
              let factor = f[r]
              for j in r * n..<(r + 1) * n { out[j] = x[j] * factor }
            }
          }
        }
      }
    }
    return product.recorded(from: self, factors) { x, f in
      ({ $0.scalingRows(by: f) }, { $0.rowSums(times: x).reshaped(to: f.shape) })
    }
  }

  private func combiningRows(with vector: Tensor, _ function: (Float, Float) -> Float) -> Tensor {
    precondition(vector.count == columns, "A vector of \(vector.count) values does not fit rows of \(shape).")
    let n = columns
    return Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        vector.withUnsafeBufferPointer { v in
          Parallel.forEachChunk(ofRows: rowCount, columns: n) { rows in
            for r in rows {
              let row = UnsafeBufferPointer(rebasing: x[r * n..<(r + 1) * n])
              let result = UnsafeMutableBufferPointer(rebasing: out[r * n..<(r + 1) * n])
              for j in result.indices { result[j] = function(row[j], v[j]) }
            }
          }
        }
      }
    }
  }
}

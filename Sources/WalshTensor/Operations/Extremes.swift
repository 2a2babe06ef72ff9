extension Tensor {
  /// The largest value of each row, this shape without its last extent. The gradient goes to the first position that
  /// holds it (`argMax`).
  public func rowMaxima() -> Tensor { picking(argMax) }

  /// The smallest value of each row, this shape without its last extent. The gradient goes to the first position that
  /// holds it.
  public func rowMinima() -> Tensor { picking(mapValues { -$0 }.argMax) }

  /// Every value of row i moved into `lower[i]…upper[i]`: learned clipping of weight rows, FlatQuant 3.4.
  ///
  /// A value inside, ends included, passes its gradient to itself; one below passes it to the lower end, one above to the
  /// upper end.
  ///
  /// - Parameters:
  ///   - lower: `rowCount` values.
  ///   - upper: `rowCount` values, none below `lower`.
  public func clampingRows(from lower: Tensor, to upper: Tensor) -> Tensor {
    precondition(
      lower.count == rowCount && upper.count == rowCount,
      "Bounds of shapes \(lower.shape) and \(upper.shape) do not fit the rows of \(shape).")
    let result = Tensor(shape: shape) { out in
      forEachBounded(by: lower, upper) { i, _, x, low, high in out[i] = x < low ? low : x > high ? high : x }
    }
    return result.recorded(from: [self, lower, upper]) { inputs in
      { gradient, _ in
        let (x, lower, upper) = (inputs[0], inputs[1], inputs[2])
        var below = [Double](repeating: 0, count: x.rowCount)
        var above = below
        let inside = Tensor(shape: x.shape) { out in
          gradient.withUnsafeBufferPointer { g in
            x.forEachBounded(by: lower, upper) { i, r, x, low, high in
              out[i] = x < low || x > high ? 0 : g[i]
              if x < low { below[r] += Double(g[i]) } else if x > high { above[r] += Double(g[i]) }
            }
          }
        }
        return [
          inside, Tensor(below.map(Float.init), shape: lower.shape),
          Tensor(above.map(Float.init), shape: upper.shape),
        ]
      }
    }
  }

  /// The value at one position of each row.
  private func picking(_ positions: [Int], operation: StaticString = #function) -> Tensor {
    let n = columns
    let picked = Tensor(shape: Array(shape.dropLast())) { out in
      withUnsafeBufferPointer { x in for r in out.indices { out[r] = x[r * n + positions[r]] } }
    }
    return picked.recorded(from: self, operation: operation) { [shape] _ in
      { gradient in
        Tensor(shape: shape) { out in
          out.initialize(repeating: 0)
          gradient.withUnsafeBufferPointer { g in for r in g.indices { out[r * n + positions[r]] = g[r] } }
        }
      }
    }
  }

  /// Calls `body` with every position, its row, its value and its row's bounds.
  @inline(__always)
  private func forEachBounded(
    by lower: Tensor, _ upper: Tensor, _ body: (_ i: Int, _ row: Int, _ x: Float, _ low: Float, _ high: Float) -> Void
  ) {
    let n = columns
    withUnsafeBufferPointer { x in
      lower.withUnsafeBufferPointer { low in
        upper.withUnsafeBufferPointer { high in
          for r in 0..<rowCount { for i in r * n..<(r + 1) * n { body(i, r, x[i], low[r], high[r]) } }
        }
      }
    }
  }
}

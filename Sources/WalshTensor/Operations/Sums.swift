extension Tensor {
  /// The sum of all values, shape `[]`; added in Float64, like `sum`, which is a plain number without gradient.
  public func summed() -> Tensor {
    Tensor([Float(sum)], shape: []).recorded(from: self) { [shape] _ in { .init(shape: shape, repeating: $0[]) } }
  }

  /// The mean of all values, shape `[]`; added in Float64. NaN for an empty tensor.
  public func averaged() -> Tensor {
    Tensor([Float(mean)], shape: []).recorded(from: self) { [shape, count] _ in
      { .init(shape: shape, repeating: $0[] / Float(count)) }
    }
  }

  /// The sum of each row along the last axis, this shape without its last extent; added in Float64.
  public func rowSums() -> Tensor {
    rowSums { $0 }.recorded(from: self) { [shape] _ in
      { Tensor(shape: shape, repeating: 1).scalingRows(by: $0) }
    }
  }

  /// The mean of each row along the last axis; added in Float64.
  public func rowMeans() -> Tensor { rowSums() * (1 / Float(columns)) }

  /// The sum of each column over all rows, shape `[columns]`; added in Float64, first row first.
  public func columnSums() -> Tensor {
    withUnsafeBufferPointer { x in columnSums { Double(x[$0]) } }.recorded(from: self) { [shape] _ in
      { Tensor(shape: shape, repeating: 1).scalingColumns(by: $0) }
    }
  }

  /// The mean of each column over all rows, shape `[columns]`; added in Float64, first row first.
  public func columnMeans() -> Tensor { columnSums() * (1 / Float(rowCount)) }

  /// The mean of (self − `target`)² over all values, shape `[]`; squares are exact and added in Float64.
  ///
  /// Shapes must agree. Both sides are differentiable: d/dx = 2(x − y)/n.
  public func meanSquaredError(to target: Tensor) -> Tensor {
    let difference = combineValues(with: target) { $0 - $1 }
    return Tensor([Float(difference.sumOfSquares / Double(count))], shape: []).recorded(from: self, target) { _, _ in
      let scale = 2 / Float(difference.count)
      return ({ difference * (scale * $0[]) }, { difference * (-scale * $0[]) })
    }
  }

  // MARK: Inside of operations

  /// Σ over each row of self · `other`, in Float64.
  func rowSums(times other: Tensor) -> Tensor { combineValues(with: other) { $0 * $1 }.rowSums { $0 } }

  /// Σ over all rows of self · `other` for each column, in Float64 without rounding the products.
  func columnSums(times other: Tensor) -> Tensor {
    precondition(shape == other.shape, "Shapes \(shape) and \(other.shape) differ.")
    return withUnsafeBufferPointer { x in
      other.withUnsafeBufferPointer { y in columnSums { Double(x[$0]) * Double(y[$0]) } }
    }
  }

  /// Σ over all rows of `term`, which receives the position of a value.
  @inline(__always)
  private func columnSums(_ term: (Int) -> Double) -> Tensor {
    let n = columns
    var sums = [Double](repeating: 0, count: n)
    sums.withUnsafeMutableBufferPointer { sums in
      for r in 0..<rowCount { for j in sums.indices { sums[j] += term(r * n + j) } }
    }
    return Tensor(sums.map(Float.init))
  }

  private func rowSums(_ function: (Float) -> Float) -> Tensor {
    let n = columns
    return Tensor(shape: Array(shape.dropLast())) { out in
      withUnsafeBufferPointer { x in
        for r in out.indices {
          out[r] = Float(sumInLanes(UnsafeBufferPointer(rebasing: x[r * n..<(r + 1) * n]), function))
        }
      }
    }
  }
}

import Foundation

extension Tensor {
  /// Applies `function` to every value.
  @inlinable
  public func map(_ function: (Float) -> Float) -> Tensor {
    Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in for i in out.indices { out[i] = function(x[i]) } }
    }
  }

  /// Combines two tensors of equal shape value by value.
  @inlinable
  public func combined(with other: Tensor, _ function: (Float, Float) -> Float) -> Tensor {
    precondition(shape == other.shape, "Shapes \(shape) and \(other.shape) differ.")
    return Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        other.withUnsafeBufferPointer { y in for i in out.indices { out[i] = function(x[i], y[i]) } }
      }
    }
  }

  /// The sum of two tensors of equal shape.
  public static func + (a: Tensor, b: Tensor) -> Tensor { a.combined(with: b) { $0 + $1 } }

  /// The difference of two tensors of equal shape.
  public static func - (a: Tensor, b: Tensor) -> Tensor { a.combined(with: b) { $0 - $1 } }

  /// The Hadamard (element-wise) product of two tensors of equal shape.
  public static func * (a: Tensor, b: Tensor) -> Tensor { a.combined(with: b) { $0 * $1 } }

  /// Every value times `factor`.
  public static func * (a: Tensor, factor: Float) -> Tensor { a.map { $0 * factor } }

  /// Adds `other`, of equal shape, in place.
  public static func += (a: inout Tensor, other: Tensor) {
    precondition(a.shape == other.shape, "Shapes \(a.shape) and \(other.shape) differ.")
    a.withUnsafeMutableBufferPointer { x in
      other.withUnsafeBufferPointer { y in for i in x.indices { x[i] += y[i] } }
    }
  }

  /// Multiplies column j of every row by `factors[j]`; `factors` has `columns` values.
  public func scalingColumns(by factors: Tensor) -> Tensor { combiningRows(with: factors) { $0 * $1 } }

  /// Divides column j of every row by `divisors[j]`.
  public func dividingColumns(by divisors: Tensor) -> Tensor { combiningRows(with: divisors) { $0 / $1 } }

  /// Adds `bias[j]` to column j of every row.
  public func addingToRows(_ bias: Tensor) -> Tensor { combiningRows(with: bias) { $0 + $1 } }

  /// Multiplies row i, along the last axis, by `factors[i]`; `factors` has `rowCount` values.
  public func scalingRows(by factors: Tensor) -> Tensor {
    precondition(factors.count == rowCount, "\(factors.count) factors do not scale the rows of \(shape).")
    let n = columns
    return Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        factors.withUnsafeBufferPointer { f in
          for r in 0..<rowCount {
            let factor = f[r]
            for j in r * n..<(r + 1) * n { out[j] = x[j] * factor }
          }
        }
      }
    }
  }

  private func combiningRows(with vector: Tensor, _ function: (Float, Float) -> Float) -> Tensor {
    precondition(vector.count == columns, "A vector of \(vector.count) values does not fit rows of \(shape).")
    let n = columns
    return Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        vector.withUnsafeBufferPointer { v in
          for r in 0..<rowCount {
            let row = UnsafeBufferPointer(rebasing: x[r * n..<(r + 1) * n])
            let result = UnsafeMutableBufferPointer(rebasing: out[r * n..<(r + 1) * n])
            for j in result.indices { result[j] = function(row[j], v[j]) }
          }
        }
      }
    }
  }

  /// x·σ(x), the SiLU (swish) activation.
  public func silu() -> Tensor { map { $0 / (1 + vectorExp(-$0)) } }

  /// The Gaussian error linear unit x·Φ(x), exact.
  public func gelu() -> Tensor { map { 0.5 * $0 * (1 + erf($0 * Float(0.5).squareRoot())) } }

  /// The tanh approximation of `gelu()`: ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
  public func geluTanh() -> Tensor {
    // ½(1 + tanh(u)) = σ(2u)
    map { $0 / (1 + vectorExp(-1.595_769_1 * ($0 + 0.044715 * $0 * $0 * $0))) }
  }

  /// max(x, 0); NaN stays NaN.
  public func relu() -> Tensor { map { max($0, 0) } }
}

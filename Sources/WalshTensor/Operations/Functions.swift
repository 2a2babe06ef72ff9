import CKernels
import Foundation

extension Tensor {
  /// e to the power of every value, less than 1 unit in the last place from exact; below −104 gives 0, above 89 infinity.
  public func exp() -> Tensor {
    let y = mapValues(by: walsh_exp)
    return y.recorded(from: self) { _ in { $0 * y } }
  }

  /// The natural logarithm of every value: −∞ for 0, NaN below.
  public func log() -> Tensor { mapValues { Foundation.log($0) }.recorded(from: self) { x in { $0 / x } } }

  /// The square of every value.
  public func squared() -> Tensor {
    mapValues { $0 * $0 }.recorded(from: self) { x in { gradient in gradient.combineValues(with: x) { 2 * $0 * $1 } }
    }
  }

  /// The square root of every value: NaN below 0. The derivative at 0 is infinite.
  public func squareRoot() -> Tensor {
    let y = mapValues { $0.squareRoot() }
    return y.recorded(from: self) { _ in { gradient in gradient.combineValues(with: y) { 0.5 * $0 / $1 } } }
  }

  /// The magnitude of every value. The derivative at 0 is 0.
  public func magnitude() -> Tensor {
    mapValues { abs($0) }.recorded(from: self) { x in
      { gradient in gradient.combineValues(with: x) { $1 > 0 ? $0 : $1 < 0 ? -$0 : 0 } }
    }
  }

  /// Every value moved to the nearer end of `range` if it lies outside; NaN stays NaN.
  ///
  /// The derivative is 1 inside, ends included, and 0 outside: the convention of straight-through estimators
  /// (FlatQuant), under which a value that just fills the range still learns.
  public func clamped(to range: ClosedRange<Float>) -> Tensor {
    let (low, high) = (range.lowerBound, range.upperBound)
    return mapValues { $0 < low ? low : $0 > high ? high : $0 }.recorded(from: self) { x in
      { gradient in gradient.combineValues(with: x) { low <= $1 && $1 <= high ? $0 : 0 } }
    }
  }

  /// The smaller of two values, position by position; NaN where either is NaN. Equal values get half of the gradient each.
  public static func minimum(_ a: Tensor, _ b: Tensor) -> Tensor {
    a.combineValues(with: b) { $0 < $1 || $0.isNaN ? $0 : $1 }.recorded(from: a, b) { a, b in
      let share = a.combineValues(with: b) { $0 < $1 ? 1 : $0 == $1 ? 0.5 : 0 }
      return ({ $0 * share }, { gradient in gradient.combineValues(with: share) { $0 * (1 - $1) } })
    }
  }

  /// The larger of two values, position by position; NaN where either is NaN. Equal values get half of the gradient each.
  public static func maximum(_ a: Tensor, _ b: Tensor) -> Tensor { -minimum(-a, -b) }

  /// The values of `other` where `mask` is true and these elsewhere.
  ///
  /// - Parameters:
  ///   - other: a tensor of this shape.
  ///   - mask: one truth value per position, row-major.
  public func replaced(with other: Tensor, where mask: [Bool]) -> Tensor {
    precondition(
      shape == other.shape && mask.count == count,
      "A mask of \(mask.count) values does not choose between tensors of shapes \(shape) and \(other.shape).")
    return choose(mask, other, self).recorded(from: self, other) { [shape] _, _ in
      let zeros = Tensor.zeros(shape)
      return ({ choose(mask, zeros, $0) }, { choose(mask, $0, zeros) })
    }
  }
}

/// a where the mask is true, b elsewhere.
private func choose(_ mask: [Bool], _ a: Tensor, _ b: Tensor) -> Tensor {
  Tensor(shape: a.shape) { out in
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in for i in out.indices { out[i] = mask[i] ? a[i] : b[i] } }
    }
  }
}

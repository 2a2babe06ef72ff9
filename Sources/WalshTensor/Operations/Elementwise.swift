extension Tensor {
  /// Applies `function` to every value.
  ///
  /// - Precondition: the tensor is not tracked, for nothing is known of the derivative.
  @inlinable
  public func map(_ function: (Float) -> Float) -> Tensor {
    precondition(!isTracked, "A tracked tensor is mapped by a differentiable operation; else detach it.")
    return mapValues(function)
  }

  /// Combines two tensors of equal shape value by value.
  ///
  /// - Precondition: neither is tracked, for nothing is known of the derivatives.
  @inlinable
  public func combined(with other: Tensor, _ function: (Float, Float) -> Float) -> Tensor {
    precondition(
      !isTracked && !other.isTracked, "Tracked tensors are combined by a differentiable operation; else detach them.")
    return combineValues(with: other, function)
  }

  /// `map` for the inside of operations, which record what they do.
  @inlinable
  func mapValues(_ function: (Float) -> Float) -> Tensor {
    Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in for i in out.indices { out[i] = function(x[i]) } }
    }
  }

  /// `combined` for the inside of operations, which record what they do.
  @inlinable
  func combineValues(with other: Tensor, _ function: (Float, Float) -> Float) -> Tensor {
    precondition(shape == other.shape, "Shapes \(shape) and \(other.shape) differ.")
    return Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        other.withUnsafeBufferPointer { y in for i in out.indices { out[i] = function(x[i], y[i]) } }
      }
    }
  }

  // MARK: Arithmetic

  /// The sum of two tensors of equal shape.
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    a.combineValues(with: b) { $0 + $1 }.recorded(from: a, b) { _, _ in ({ $0 }, { $0 }) }
  }

  /// The difference of two tensors of equal shape.
  public static func - (a: Tensor, b: Tensor) -> Tensor {
    a.combineValues(with: b) { $0 - $1 }.recorded(from: a, b) { _, _ in ({ $0 }, { -$0 }) }
  }

  /// The Hadamard (element-wise) product of two tensors of equal shape.
  public static func * (a: Tensor, b: Tensor) -> Tensor {
    a.combineValues(with: b) { $0 * $1 }.recorded(from: a, b) { a, b in ({ $0 * b }, { $0 * a }) }
  }

  /// The element-wise quotient of two tensors of equal shape.
  public static func / (a: Tensor, b: Tensor) -> Tensor {
    let quotient = a.combineValues(with: b) { $0 / $1 }
    return quotient.recorded(from: a, b) { _, b in ({ $0 / b }, { -($0 * quotient / b) }) }
  }

  /// Every value with the other sign.
  public static prefix func - (a: Tensor) -> Tensor { a.mapValues { -$0 }.recorded(from: a) { _ in { -$0 } } }

  /// Every value times `factor`, a constant.
  public static func * (a: Tensor, factor: Float) -> Tensor {
    a.mapValues { $0 * factor }.recorded(from: a) { _ in { $0 * factor } }
  }

  /// `term`, a constant, added to every value.
  public static func + (a: Tensor, term: Float) -> Tensor {
    a.mapValues { $0 + term }.recorded(from: a) { _ in { $0 } }
  }

  /// Adds `other`, of equal shape; in place unless one of the two is tracked.
  public static func += (a: inout Tensor, other: Tensor) {
    precondition(a.shape == other.shape, "Shapes \(a.shape) and \(other.shape) differ.")
    if a.isTracked || other.isTracked {
      a = a + other
      return
    }
    a.withUnsafeMutableBufferPointer { x in
      other.withUnsafeBufferPointer { y in for i in x.indices { x[i] += y[i] } }
    }
  }
}

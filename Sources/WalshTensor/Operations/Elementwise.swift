import CKernels

extension Tensor {
  /// The values that a thread takes at a time: 256 KiB, about 50 µs.
  @usableFromInline static let chunk = 1 << 16

  /// Applies `function`, which several threads may call at once, to every value.
  ///
  /// - Precondition: the tensor is not tracked, for nothing is known of the derivative.
  @inlinable
  public func map(_ function: (Float) -> Float) -> Tensor {
    precondition(!isTracked, "A tracked tensor is mapped by a differentiable operation; else detach it.")
    return mapValues(function)
  }

  /// Combines two tensors of equal shape value by value, by a function that several threads may call at once.
  ///
  /// - Precondition: neither is tracked, for nothing is known of the derivatives.
  @inlinable
  public func combined(with other: Tensor, _ function: (Float, Float) -> Float) -> Tensor {
    precondition(
      !isTracked && !other.isTracked, "Tracked tensors are combined by a differentiable operation; else detach them.")
    return combineValues(with: other, function)
  }

  /// `map` for the inside of operations, which record what they do.
  @inlinable @inline(__always)
  func mapValues(_ function: (Float) -> Float) -> Tensor {
    Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        Parallel.forEachChunk(of: count, size: Tensor.chunk) { for i in $0 { out[i] = function(x[i]) } }
      }
    }
  }

  /// `combined` for the inside of operations, which record what they do.
  @inlinable @inline(__always)
  func combineValues(with other: Tensor, _ function: (Float, Float) -> Float) -> Tensor {
    precondition(shape == other.shape, "Shapes \(shape) and \(other.shape) differ.")
    return Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        other.withUnsafeBufferPointer { y in
          Parallel.forEachChunk(of: count, size: Tensor.chunk) { for i in $0 { out[i] = function(x[i], y[i]) } }
        }
      }
    }
  }

  /// Every value rounded to the nearest bfloat16, ties to even; infinity where that overflows, NaN stays NaN.
  ///
  /// - Precondition: the tensor is not tracked.
  public func roundedToBFloat16() -> Tensor {
    precondition(!isTracked, "Rounding has no derivative; round a detached() tensor.")
    return mapValues(by: { _, x, y, count in walsh_round_to_bfloat16(x, y, count) })
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
      other.withUnsafeBufferPointer { y in
        Parallel.forEachChunk(of: x.count, size: Tensor.chunk) { for i in $0 { x[i] += y[i] } }
      }
    }
  }
}

/// Elementwise kernels.
extension Tensor {
  /// A kernel y = f(x) over arrays.
  typealias Map = (_ isa: Int32, _ x: UnsafePointer<Float>?, _ y: UnsafeMutablePointer<Float>?, _ count: Int) -> Void

  /// Every value mapped by a kernel.
  func mapValues(by kernel: Map) -> Tensor {
    Tensor(shape: shape) { out in
      withUnsafeBufferPointer { x in
        Parallel.forEachChunk(of: count, size: Tensor.chunk) { range in
          guard let x = x.baseAddress, let y = out.baseAddress else { return }
          kernel(InstructionSet.best.rawValue, x + range.lowerBound, y + range.lowerBound, range.count)
        }
      }
    }
  }

  /// The tensor that a kernel z = f(x, y) writes, chunk by chunk; x and y have as many values.
  static func writing(
    shape: [Int], _ x: Tensor, _ y: Tensor,
    _ kernel: (
      _ isa: Int32, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ z: UnsafeMutablePointer<Float>,
      _ count: Int
    ) -> Void
  ) -> Tensor {
    Tensor(shape: shape) { out in
      withChunks(of: x, y, y) { x, y, _, range in
        guard let z = out.baseAddress else { return }
        kernel(InstructionSet.best.rawValue, x, y, z + range.lowerBound, range.count)
      }
    }
  }

  /// Calls `body` with the same chunk of three tensors of equal count, on several threads.
  static func withChunks(
    of x: Tensor, _ y: Tensor, _ z: Tensor,
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, Range<Int>) -> Void
  ) {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        z.withUnsafeBufferPointer { z in
          Parallel.forEachChunk(of: x.count, size: chunk) { range in
            guard let x = x.baseAddress, let y = y.baseAddress, let z = z.baseAddress else { return }
            body(x + range.lowerBound, y + range.lowerBound, z + range.lowerBound, range)
          }
        }
      }
    }
  }

  /// Calls `body` with the first value of each of four tensors, unless one is empty.
  static func withPointers(
    _ a: Tensor, _ b: Tensor, _ c: Tensor, _ d: Tensor,
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>) -> Void
  ) {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeBufferPointer { c in
          d.withUnsafeBufferPointer { d in
            guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress, let d = d.baseAddress
            else { return }
            body(a, b, c, d)
          }
        }
      }
    }
  }
}

import CKernels
import Foundation

extension Tensor {
  /// x·σ(x), the SiLU (swish) activation.
  public func silu() -> Tensor {
    mapValues(by: walsh_silu).recorded(from: self) { x in
      { gradient in
        Tensor.writing(shape: x.shape, x, gradient) { walsh_silu_gradient($0, $1, $2, $3, $4) }
      }
    }
  }

  /// silu(x) ⊙ `up`, the gated activation of SwiGLU, in one pass each way. Shapes must agree.
  public func siluGating(_ up: Tensor) -> Tensor {
    precondition(shape == up.shape, "Shapes \(shape) and \(up.shape) differ.")
    let gated = Tensor.writing(shape: shape, self, up) { walsh_silu_gated($0, $1, $2, $3, $4) }
    return gated.recorded(from: [self, up]) { inputs in
      let (x, up) = (inputs[0], inputs[1])
      return { gradient, _ in
        var upGradient = Tensor.zeros([0])
        let gateGradient = Tensor(shape: x.shape) { dx in
          upGradient = Tensor(shape: x.shape) { du in
            Tensor.withChunks(of: x, up, gradient) { x, u, g, range in
              guard let dx = dx.baseAddress, let du = du.baseAddress else { return }
              walsh_silu_gated_gradients(
                InstructionSet.best.rawValue, x, u, g, dx + range.lowerBound, du + range.lowerBound, range.count)
            }
          }
        }
        return [gateGradient, upGradient]
      }
    }
  }

  /// Writes silu(first half) ⊙ (second half) of the values over `result`, which has half as many: `siluGating(_:)`.
  ///
  /// - Precondition: nothing is tracked.
  public func siluGatingHalves(into result: inout Tensor) {
    precondition(
      count == 2 * result.count && !isTracked, "Halves of \(shape) do not fit a result of \(result.shape).")
    let half = result.count
    result.withUnsafeMutableBufferPointer { y in
      withUnsafeBufferPointer { x in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        Parallel.forEach((half + Tensor.chunk - 1) / Tensor.chunk, sharing: (x: x, y: y, half: half)) { job, chunks in
          let first = chunks.lowerBound * Tensor.chunk
          let count = min(job.half, chunks.upperBound * Tensor.chunk) - first
          walsh_silu_gated(
            InstructionSet.best.rawValue, job.x + first, job.x + job.half + first, job.y + first, count)
        }
      }
    }
  }

  /// The Gaussian error linear unit x·Φ(x), exact. Its derivative is Φ(x) + x·φ(x).
  public func gelu() -> Tensor {
    mapValues { 0.5 * $0 * (1 + erf($0 * Float(0.5).squareRoot())) }.recorded(from: self) { x in
      { gradient in
        let density = x.mapValues { -0.5 * $0 * $0 }.exp() * 0.398_942_28
        let slope = x.combineValues(with: density) { 0.5 * (1 + erf($0 * Float(0.5).squareRoot())) + $0 * $1 }
        return gradient * slope
      }
    }
  }

  /// The tanh approximation of `gelu()`: ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
  public func geluTanh() -> Tensor {
    // ½(1 + tanh(u)) = σ(2u)
    sigmoidGated(inner: { 1.595_769_1 * ($0 + 0.044715 * $0 * $0 * $0) }) {
      1.595_769_1 * (1 + 3 * 0.044715 * $0 * $0)
    }
  }

  /// x·σ(1.702x), the approximation of `gelu()` that CLIP uses.
  public func quickGelu() -> Tensor { sigmoidGated(inner: { 1.702 * $0 }) { _ in 1.702 } }

  /// x·σ(u(x)), whose derivative is s + x·s·(1 − s)·u′(x) with s = σ(u(x)).
  private func sigmoidGated(
    inner: (Float) -> Float, derivative: @escaping @Sendable (Float) -> Float, operation: StaticString = #function
  ) -> Tensor {
    let s = mapValues(inner).mapValues(by: walsh_sigmoid)
    return combineValues(with: s) { $0 * $1 }.recorded(from: self, operation: operation) { x in
      { gradient in
        let slope = x.combineValues(with: s) { $1 + $0 * $1 * (1 - $1) * derivative($0) }
        return gradient * slope
      }
    }
  }

  /// max(x, 0); NaN stays NaN. The derivative at 0 is 0.
  public func relu() -> Tensor {
    mapValues { max($0, 0) }.recorded(from: self) { x in
      { gradient in gradient.combineValues(with: x) { $1 > 0 ? $0 : 0 } }
    }
  }

  /// The logistic function σ(x) = 1 / (1 + exp(−x)).
  public func sigmoid() -> Tensor {
    let y = mapValues(by: walsh_sigmoid)
    return y.recorded(from: self) { _ in { gradient in gradient.combineValues(with: y) { $0 * ($1 * (1 - $1)) } } }
  }

  /// The hyperbolic tangent.
  public func tanh() -> Tensor {
    let y = mapValues { Foundation.tanh($0) }
    return y.recorded(from: self) { _ in { gradient in gradient.combineValues(with: y) { $0 * (1 - $1 * $1) } } }
  }

  /// log(1 + exp(x)), without overflow. Its derivative is σ(x).
  public func softplus() -> Tensor {
    let tail = mapValues { -abs($0) }.mapValues(by: walsh_exp)
    return combineValues(with: tail) { max($0, 0) + log1p($1) }.recorded(from: self) { x in
      { $0 * x.mapValues(by: walsh_sigmoid) }
    }
  }
}

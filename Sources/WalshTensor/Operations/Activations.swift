import Foundation

extension Tensor {
  /// x·σ(x), the SiLU (swish) activation.
  public func silu() -> Tensor {
    mapValues { $0 / (1 + vectorExp(-$0)) }.recorded(from: self) { x in
      { gradient in
        gradient.combineValues(with: x) { g, x in
          let s = sigmoidValue(x)
          return g * (s * (1 + x * (1 - s)))
        }
      }
    }
  }

  /// The Gaussian error linear unit x·Φ(x), exact. Its derivative is Φ(x) + x·φ(x).
  public func gelu() -> Tensor {
    mapValues { 0.5 * $0 * (1 + erf($0 * Float(0.5).squareRoot())) }.recorded(from: self) { x in
      { gradient in
        gradient.combineValues(with: x) { g, x in
          let density = vectorExp(-0.5 * x * x) * 0.398_942_28
          return g * (0.5 * (1 + erf(x * Float(0.5).squareRoot())) + x * density)
        }
      }
    }
  }

  /// The tanh approximation of `gelu()`: ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
  public func geluTanh() -> Tensor {
    // ½(1 + tanh(u)) = σ(2u)
    mapValues { $0 / (1 + vectorExp(-1.595_769_1 * ($0 + 0.044715 * $0 * $0 * $0))) }.recorded(from: self) { x in
      { gradient in
        gradient.combineValues(with: x) { g, x in
          let s = sigmoidValue(1.595_769_1 * (x + 0.044715 * x * x * x))
          return g * (s + x * s * (1 - s) * 1.595_769_1 * (1 + 3 * 0.044715 * x * x))
        }
      }
    }
  }

  /// x·σ(1.702x), the approximation of `gelu()` that CLIP uses.
  public func quickGelu() -> Tensor {
    mapValues { $0 / (1 + Foundation.exp(-1.702 * $0)) }.recorded(from: self) { x in
      { gradient in
        gradient.combineValues(with: x) { g, x in
          let s = sigmoidValue(1.702 * x)
          return g * (s * (1 + 1.702 * x * (1 - s)))
        }
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
    let y = mapValues(sigmoidValue)
    return y.recorded(from: self) { _ in { gradient in gradient.combineValues(with: y) { $0 * ($1 * (1 - $1)) } } }
  }

  /// The hyperbolic tangent.
  public func tanh() -> Tensor {
    let y = mapValues { Foundation.tanh($0) }
    return y.recorded(from: self) { _ in { gradient in gradient.combineValues(with: y) { $0 * (1 - $1 * $1) } } }
  }

  /// log(1 + exp(x)), without overflow. Its derivative is σ(x).
  public func softplus() -> Tensor {
    mapValues { max($0, 0) + log1p(vectorExp(-abs($0))) }.recorded(from: self) { x in
      { gradient in gradient.combineValues(with: x) { $0 * sigmoidValue($1) } }
    }
  }
}

/// σ(x).
@inline(__always)
private func sigmoidValue(_ x: Float) -> Float { 1 / (1 + vectorExp(-x)) }

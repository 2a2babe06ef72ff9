/// The arithmetic of one group of elements, derived from its stored scale: how a value becomes a code and back.
struct GroupCodec {
  let element: ElementFormat
  /// A decoded element is (element value − zero point) · `scale`.
  let scale: Float
  /// What a value is multiplied by before it is rounded; unused when `divides`.
  let factor: Float
  /// Whether a value is divided by `scale` instead, as the libraries with floating scales do.
  let divides: Bool
  /// The code of zero for integer elements, else 0.
  let zeroPoint: Int

  /// - Parameters:
  ///   - format: the format of the matrix.
  ///   - pattern: the bits of the stored scale.
  ///   - tensorScale: the divisor shared by the tensor, if any.
  ///   - zeroPoint: the stored zero point of an asymmetric format.
  init(format: NumericFormat, pattern: UInt32, tensorScale: Float?, zeroPoint: Int?) {
    element = format.element
    if case .int(let bits) = element {
      self.zeroPoint = zeroPoint ?? OffsetInteger.zeroPoint(bits: bits)
    } else {
      self.zeroPoint = 0
    }
    let global = tensorScale ?? 1
    switch format.scale {
    case .float32, .bfloat16:
      let stored = Float(bitPattern: format.scale == .float32 ? pattern : pattern << 16)
      (scale, factor, divides) = (stored / global, 1, true)
    case .e8m0:
      let byte = UInt8(pattern)
      (scale, factor, divides) = (E8M0.decode(byte) / global, E8M0.reciprocal(byte) * global, false)
    case .e4m3(let scheme):
      let stored = E4M3.decode(UInt8(pattern))
      scale = stored / global
      switch scheme {
      case .compressedTensors, .modelOptimizer, .oneLevel, .torchaoOneLevel: (factor, divides) = (1, true)
      case .torchao: (factor, divides) = (global / stored, false)
      case .transformerEngine, .margin, .fourOverSixMSE, .fourOverSixMAE:
        // 1 / 0 is infinite, and the minimum keeps 0 · factor a number.
        factor = stored.isNaN ? .nan : min(1 / (stored * (1 / global)), .greatestFiniteMagnitude)
        divides = false
      }
    }
  }

  /// What vector code multiplies a value by, or divides it by if `divides`; NaN where every code is that of zero.
  var operand: Float { scale.isNaN || (divides && scale == 0) ? .nan : divides ? scale : factor }

  /// The code of `value`. In a group whose scale is NaN every code is that of zero.
  @inline(__always)
  func encode(_ value: Float, rounding: Rounding, at index: Int) -> UInt8 {
    if scale.isNaN { return UInt8(zeroPoint) }
    let x = divides ? (scale == 0 ? 0 : value / scale) : value * factor
    switch element {
    case .int(let bits):
      return OffsetInteger.encode(x, zeroPoint: zeroPoint, bits: bits, rounding: rounding, at: index)
    case .e2m1: return E2M1.encode(x, rounding: rounding, at: index)
    case .e2m3: return E2M3.encode(x, rounding: rounding, at: index)
    case .e3m2: return E3M2.encode(x, rounding: rounding, at: index)
    case .e4m3: return E4M3.encode(x, rounding: rounding, at: index)
    case .e5m2: return E5M2.encode(x, rounding: rounding, at: index)
    }
  }

  /// The value of `code`, or of code − zero point, before the scale.
  @inline(__always)
  func level(_ code: UInt8) -> Float {
    element.isInteger ? Float(Int(code) - zeroPoint) : element.decode(code)
  }

  /// The value that `code` stands for.
  @inline(__always)
  func decode(_ code: UInt8) -> Float { level(code) * scale }
}

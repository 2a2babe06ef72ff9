import WalshFormats

/// How compressed-tensors stores weights of a number format: the layout, its arguments, and the tensors of a layer.
public struct LinearLayout: Equatable, Sendable {
  /// The layout.
  public let format: CompressionFormat
  /// The `weights` object of the configuration.
  public let arguments: QuantizationArguments
  private let scaleType: DType

  /// The layout of `format`: NVFP4 by any arithmetic but tiles, MXFP4 by any scale rule but the static ¾, and symmetric
  /// integers in groups or rows; nil for all others. INT8 in rows is `int-quantized`, other integers `pack-quantized`.
  public init?(_ format: NumericFormat) {
    guard format.symmetry == .symmetric else { return nil }
    switch (format.element, format.granularity, format.scale) {
    case (.e2m1, .group(16), .e4m3), (.e2m1, .tile16, .e4m3):
      (self.format, arguments, scaleType) = (.nvfp4, QuantizationPreset.nvfp4.weights, .float8E4M3)
    case (.e2m1, .group(32), .e8m0(let rule)) where rule != .staticThreeQuarters:
      (self.format, arguments, scaleType) = (.mxfp4, QuantizationPreset.mxfp4.weights, .uint8)
    case (.int(let bits), .group(let size), .float32), (.int(let bits), .group(let size), .bfloat16):
      self.format = .packedIntegers
      arguments = QuantizationArguments(bits: bits, kind: .integer, strategy: .group, groupSize: size)
      scaleType = format.scale == .float32 ? .float32 : .bfloat16
    case (.int(let bits), .row, .float32), (.int(let bits), .row, .bfloat16):
      self.format = bits == 8 ? .bytes : .packedIntegers
      arguments = QuantizationArguments(bits: bits, kind: .integer, strategy: .channel)
      scaleType = format.scale == .float32 ? .float32 : .bfloat16
    default: return nil
    }
  }

  /// The tensors of the layer at `path` with `rows` outputs and `columns` inputs, known before anything is quantized.
  public func tensors(_ path: String, rows: Int, columns: Int, withInputScale: Bool = false) -> [TensorLayout] {
    let groups = arguments.groupSize.map { (columns + $0 - 1) / $0 } ?? 1
    let scale = TensorLayout(name: "\(path).weight_scale", dtype: scaleType, shape: [rows, groups])
    let weights: [TensorLayout] =
      switch format {
      case .nvfp4:
        [
          TensorLayout(name: "\(path).weight_packed", dtype: .uint8, shape: [rows, (columns + 1) / 2]),
          TensorLayout(name: "\(path).weight_global_scale", dtype: .float32, shape: [1]),
        ]
      case .mxfp4: [TensorLayout(name: "\(path).weight_packed", dtype: .uint8, shape: [rows, (columns + 1) / 2])]
      case .packedIntegers:
        [
          TensorLayout(
            name: "\(path).weight_packed", dtype: .int32, shape: [rows, (columns * arguments.bits + 31) / 32]),
          TensorLayout(name: "\(path).weight_shape", dtype: .int64, shape: [2]),
        ]
      case .bytes: [TensorLayout(name: "\(path).weight", dtype: .int8, shape: [rows, columns])]
      }
    let input = TensorLayout(name: "\(path).input_global_scale", dtype: .float32, shape: [1])
    return weights + [scale] + (withInputScale ? [input] : [])
  }
}

extension QuantizationConfiguration.Group {
  /// The number format of the group's weights, with scales stored as `scaleType`.
  ///
  /// Several arithmetics encode to the same NVFP4 or MXFP4 and all decode alike; the library's own stands for them.
  func numericFormat(scaleType: DType) -> NumericFormat {
    switch format {
    case .nvfp4: .nvfp4(.compressedTensors)
    case .mxfp4: .mxfp4(.even)
    case .packedIntegers, .bytes:
      NumericFormat(
        element: .int(bits: weights.bits), granularity: weights.groupSize.map { .group($0) } ?? .row,
        scale: scaleType == .bfloat16 ? .bfloat16 : .float32)
    }
  }
}

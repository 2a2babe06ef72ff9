import WalshFormats

/// The weight of a quantized linear layer, between `PackedMatrix` and the tensors of a compressed-tensors checkpoint.
///
/// For the layer `X` with N outputs and K inputs (`interop-formats`, section 2.1):
///
/// | format | tensors |
/// |---|---|
/// | `nvfp4-pack-quantized` | `X.weight_packed` U8 [N, K/2], `X.weight_scale` F8_E4M3 [N, K/16], `X.weight_global_scale` F32 [1], with quantized inputs `X.input_global_scale` F32 [1] |
/// | `mxfp4-pack-quantized` | `X.weight_packed` U8 [N, K/2], `X.weight_scale` U8 [N, K/32], E8M0 |
/// | `pack-quantized` | `X.weight_packed` I32 [N, ⌈K·bits/32⌉], `X.weight_scale` BF16 or F32 [N, groups], `X.weight_shape` I64 [2] |
/// | `int-quantized` | `X.weight` I8 [N, K], `X.weight_scale` BF16 or F32 [N, 1] |
///
/// Global scales are divisors: ŵ = code · weight_scale / weight_global_scale.
public struct PackedLinearTensors: Equatable, Sendable {
  /// The packed weight.
  public let weight: PackedMatrix
  /// The divisor 2688 / amax of the layer's inputs, for layers whose inputs are NVFP4; else nil.
  public let inputGlobalScale: Float?

  /// The tensors of `weight`, whose format must have a `LinearLayout`.
  public init(_ weight: PackedMatrix, inputGlobalScale: Float? = nil) {
    precondition(
      LinearLayout(weight.format) != nil, "compressed-tensors has no layout for weights in \(weight.format).")
    self.weight = weight
    self.inputGlobalScale = inputGlobalScale
  }

  /// The tensors to write for the layer at `path`, those of `LinearLayout.tensors(…)`.
  public func tensors(_ path: String) -> [StoredTensor] {
    guard let layout = LinearLayout(weight.format) else { preconditionFailure("The initialiser checks the format.") }
    let layouts = layout.tensors(
      path, rows: weight.rows, columns: weight.columns, withInputScale: inputGlobalScale != nil)
    return layouts.map { tensor in
      let bytes: [UInt8] =
        switch tensor.name.dropFirst(path.count + 1) {
        case "weight_packed": weight.codes
        case "weight": signedBytes()
        case "weight_scale": weight.scales
        case "weight_shape": [weight.rows, weight.columns].flatMap { Self.littleEndian(Int64($0)) }
        // A format without a tensor scale has the divisor 1.
        case "weight_global_scale": Self.littleEndian((weight.globalScale ?? 1).bitPattern)
        default: Self.littleEndian((inputGlobalScale ?? 1).bitPattern)
        }
      return StoredTensor(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, bytes: bytes)
    }
  }

  /// Codes 0…255 with offset 128 as signed bytes, without the padding of the rows.
  private func signedBytes() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(weight.rows * weight.columns)
    for row in 0..<weight.rows {
      let start = row * weight.rowByteCount
      for code in weight.codes[start..<start + weight.columns] { bytes.append(code ^ 0x80) }
    }
    return bytes
  }

  private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}

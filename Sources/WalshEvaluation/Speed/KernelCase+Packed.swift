import WalshFormats
import WalshTensor
import WalshTransforms

extension KernelCase {
  /// Products with four-bit weights of 4096 columns: of one token, from the cache and from memory, beside reading;
  /// and of 384 tokens, quantization of the activations included, beside the instruction's peak and Float32.
  static var packed: [KernelCase] {
    let formats: [(String, NumericFormat)] = [
      ("mxfp4", .mxfp4), ("nvfp4", .nvfp4), ("int4", .int(4, group: 32)),
    ]
    return formats.flatMap { name, format in
      [128, 49152].flatMap { rows in
        [vector(name, format, rows: rows, exact: false), vector(name, format, rows: rows, exact: true)]
      }
    }
      + formats.flatMap { name, format in
        [
          matrix("W4A8 \(name)", format) { QuantizedRows(int8: $0, for: $1) },
          matrix("W4A4 \(name)", format) { QuantizedRows($0, by: Quantizer(format: format), for: $1) },
        ]
      }
      + [
        matrix("W4A16 mxfp4", .mxfp4, activations: nil),
        // The whole row is rotated online, the dearest of the usual transforms.
        matrix("Hadamard W4A4 mxfp4", .mxfp4) { x, weight in
          guard let hadamard = try? HadamardTransform(order: columns) else {
            preconditionFailure("There is a Hadamard matrix of order \(columns), a power of two.")
          }
          return QuantizedRows(x.transformed(by: hadamard), by: Quantizer(format: .mxfp4), for: weight)
        },
      ]
  }

  private static let columns = 4096

  /// One token, quantized beforehand unless `exact`. Counts the bytes of the weight.
  private static func vector(_ name: String, _ format: NumericFormat, rows: Int, exact: Bool) -> KernelCase {
    // As many bytes as `interleaved` will have: four bits and a scale.
    let scaleBytes = format.scale.byteCount == 1 ? 1 : 4
    let bytes = rows * (columns / 2 + format.groupsPerRow(columns: columns) * scaleBytes)
    return KernelCase(
      kernel: "gemv \(exact ? "W4A16" : "W4A8") \(name)", size: columns, rows: 1, bytesMoved: bytes,
      operations: 2 * rows * columns, limits: [.read]
    ) {
      let weight = interleaved(format, rows: rows)
      let x = operand([1, columns])
      if exact { return { withExtendedLifetime(weight.multiply(x)) {} } }
      let quantized = QuantizedRows(int8: x, for: weight)
      guard let group = InterleavedGroup([weight]) else {
        preconditionFailure("A matrix takes the rows that it takes itself.")
      }
      var y = Tensor.zeros([rows])
      return { y.withUnsafeMutableBufferPointer { group.multiply(quantized, into: $0) } }
    }
  }

  /// 384 tokens; nil activations are exact.
  private static func matrix(
    _ name: String, _ format: NumericFormat, activations: ((Tensor, InterleavedMatrix) -> QuantizedRows)?
  ) -> KernelCase {
    let (tokens, rows) = (384, 4096)
    return KernelCase(
      kernel: "gemm \(name)", size: columns, rows: tokens,
      bytesMoved: Int(format.bitsPerElement(columns: columns) / 8 * Double(rows * columns)) + 8 * tokens * columns,
      operations: 2 * tokens * rows * columns, limits: [.integerDot, .sgemm]
    ) {
      let weight = interleaved(format, rows: rows)
      let x = operand([tokens, columns])
      guard let activations else { return { withExtendedLifetime(weight.multiply(x)) {} } }
      return { withExtendedLifetime(weight.multiply(activations(x, weight))) {} }
    }
  }

  /// A weight of normal numbers, packed in bands that repeat: drawing it whole would take longer than measuring.
  private static func interleaved(_ format: NumericFormat, rows: Int) -> InterleavedMatrix {
    let band = Quantizer(format: format).pack(operand([128, columns]))
    let repeats = rows / 128
    let packed = PackedMatrix(
      format: format, rows: 128 * repeats, columns: columns,
      codes: Array(repeatElement(band.codes, count: repeats).joined()),
      scales: Array(repeatElement(band.scales, count: repeats).joined()), globalScale: band.globalScale)
    guard let weight = InterleavedMatrix(packed) else { preconditionFailure("\(format) has no interleaved form.") }
    return weight
  }
}

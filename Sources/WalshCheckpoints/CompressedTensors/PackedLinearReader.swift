import WalshFormats

extension PackedLinearTensors {
  /// Reads and checks the weight of the layer at `path`, which belongs to `group`.
  ///
  /// A scale of zero is accepted where all it scales is zero: the blocks of NVFP4, whose smallest scales round to it,
  /// and groups of integers that are all zero.
  ///
  /// - Throws: `CheckpointError` naming the tensor that is missing, has another type or shape than the format asks for,
  ///   or holds a scale that is NaN, infinite, negative or zero.
  public init(
    _ path: String, in checkpoint: Checkpoint, group: QuantizationConfiguration.Group
  ) throws(CheckpointError) {
    let reader = PackedLinearReader(path: path, checkpoint: checkpoint, group: group)
    let weight = try reader.weight()
    let isInputScaled = group.format == .nvfp4 && group.inputActivations?.dynamics == .local
    self.init(weight, inputGlobalScale: isInputScaled ? try reader.divisor("input_global_scale") : nil)
  }
}

/// Reads the tensors of one quantized layer.
private struct PackedLinearReader {
  let path: String
  let checkpoint: Checkpoint
  let group: QuantizationConfiguration.Group

  func fail(_ tensor: StoredTensor, _ cause: String) -> CheckpointError {
    CheckpointError(tensor.origin, "the tensor \(tensor.name) \(cause).")
  }

  func tensor(_ suffix: String, _ dtypes: DType...) throws(CheckpointError) -> StoredTensor {
    let tensor = try checkpoint.tensor("\(path).\(suffix)")
    guard dtypes.contains(tensor.dtype) else {
      let known = dtypes.map(\.rawValue).joined(separator: " or ")
      throw fail(tensor, "is \(tensor.dtype.rawValue); \(group.format.rawValue) needs \(known)")
    }
    return tensor
  }

  func matrix(_ suffix: String, _ dtype: DType) throws(CheckpointError) -> StoredTensor {
    let tensor = try tensor(suffix, dtype)
    guard tensor.shape.count == 2 else { throw fail(tensor, "has the shape \(tensor.shape), not that of a matrix") }
    return tensor
  }

  func expect(_ tensor: StoredTensor, shape: [Int]) throws(CheckpointError) {
    guard tensor.shape == shape else {
      throw fail(tensor, "has the shape \(tensor.shape); \(group.format.rawValue) needs \(shape) here")
    }
  }

  /// A scale of a whole tensor: one positive, finite number.
  func divisor(_ suffix: String) throws(CheckpointError) -> Float {
    let tensor = try tensor(suffix, .float32)
    guard tensor.count == 1 else { throw fail(tensor, "has the shape \(tensor.shape), not that of one number") }
    let value = try tensor.tensor().values[0]
    guard value.isFinite, value > 0 else { throw fail(tensor, "is \(value); a divisor is a positive number") }
    return value
  }

  func weight() throws(CheckpointError) -> PackedMatrix {
    if group.format != .bytes, checkpoint.contains("\(path).weight") {
      throw CheckpointError(
        checkpoint.folder, "the layer \(path) is quantized, but the plain tensor \(path).weight is there, too.")
    }
    for suffix in ["weight_zero_point", "weight_g_idx"] where checkpoint.contains("\(path).\(suffix)") {
      throw CheckpointError(checkpoint.folder, "the layer \(path) has a \(suffix), which is not supported.")
    }
    switch group.format {
    case .nvfp4, .mxfp4: return try smallFloats()
    case .packedIntegers: return try packedIntegers()
    case .bytes: return try signedBytes()
    }
  }

  private func smallFloats() throws(CheckpointError) -> PackedMatrix {
    let packed = try matrix("weight_packed", .uint8)
    let (rows, columns) = (packed.shape[0], packed.shape[1] * 2)
    let isNVFP4 = group.format == .nvfp4
    let scales = try matrix("weight_scale", isNVFP4 ? .float8E4M3 : .uint8)
    let size = isNVFP4 ? 16 : 32
    // The last block of a row may be short. Other readers refuse that; Walsh writes it for widths without an alternative.
    let blocks = (columns + size - 1) / size
    try expect(scales, shape: [rows, blocks])
    let bytes = scales.withUnsafeBytes { [UInt8]($0) }
    if let bad = bytes.firstIndex(where: { isNVFP4 ? $0 > 0x7E : $0 == 0xFF }) {
      let isNaN = !isNVFP4 || bytes[bad] & 0x7F == 0x7F
      throw fail(scales, "is \(isNaN ? "NaN" : "negative") for row \(bad / blocks)")
    }
    return PackedMatrix(
      format: group.numericFormat(scaleType: scales.dtype), rows: rows, columns: columns,
      codes: packed.withUnsafeBytes { [UInt8]($0) }, scales: bytes,
      globalScale: isNVFP4 ? try divisor("weight_global_scale") : nil)
  }

  private func packedIntegers() throws(CheckpointError) -> PackedMatrix {
    let packed = try matrix("weight_packed", .int32)
    let shape = try tensor("weight_shape", .int64, .int32)
    try expect(shape, shape: [2])
    let extents = shape.withUnsafeBytes { bytes in
      (0..<2).map { i in
        shape.dtype == .int64
          ? Int(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * i, as: Int64.self)))
          : Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * i, as: Int32.self)))
      }
    }
    let (rows, columns, bits) = (extents[0], extents[1], group.weights.bits)
    guard rows == packed.shape[0], (0...1 << 32).contains(columns), packed.shape[1] == (columns * bits + 31) / 32
    else {
      throw fail(
        shape, "says \(extents), which \(packed.name) of shape \(packed.shape) with \(bits) bits does not hold")
    }
    return try integers(rows, columns, codes: packed.withUnsafeBytes { [UInt8]($0) })
  }

  private func signedBytes() throws(CheckpointError) -> PackedMatrix {
    let weight = try matrix("weight", .int8)
    let (rows, columns) = (weight.shape[0], weight.shape[1])
    // Rows of packed integers are whole words.
    let rowByteCount = (columns + 3) / 4 * 4
    var codes = [UInt8](repeating: 0, count: rows * rowByteCount)
    weight.withUnsafeBytes { bytes in
      for row in 0..<rows {
        for column in 0..<columns { codes[row * rowByteCount + column] = bytes[row * columns + column] ^ 0x80 }
      }
    }
    return try integers(rows, columns, codes: codes)
  }

  private func integers(_ rows: Int, _ columns: Int, codes: [UInt8]) throws(CheckpointError) -> PackedMatrix {
    let scales = try tensor("weight_scale", .bfloat16, .float16, .float32)
    let groups: Int
    if let size = group.weights.groupSize {
      guard columns % size == 0 else {
        throw fail(scales, "has groups of \(size), which do not divide \(columns) columns")
      }
      groups = columns / size
    } else {
      groups = 1
    }
    if scales.shape != [rows] || groups != 1 { try expect(scales, shape: [rows, groups]) }

    let values = try scales.tensor(checkingFinite: true)
    let stored = scales.dtype == .float16 ? StoredTensor(name: scales.name, values) : scales
    let matrix = PackedMatrix(
      format: group.numericFormat(scaleType: stored.dtype), rows: rows, columns: columns, codes: codes,
      scales: stored.withUnsafeBytes { [UInt8]($0) })
    let size = group.weights.groupSize ?? columns
    for (index, value) in values.values.enumerated() where !(value > 0) {
      let (row, group) = (index / groups, index % groups)
      let zero = UInt8(1 << (self.group.weights.bits - 1))
      let isZero = matrix.codes(ofRow: row)[group * size..<(group + 1) * size].allSatisfy { $0 == zero }
      guard value == 0, isZero else { throw fail(scales, "is \(value) for row \(row), whose weights are not zero") }
    }
    return matrix
  }
}

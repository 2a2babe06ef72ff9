import WalshTensor
import WalshTransforms

/// Reading the steps of a scheme of kind `sequence`. Every number is checked: a wrong map would compute plausible nonsense.
extension TransformScheme.Part {
  /// The step whose tensors are called `prefix` and a slot, on an axis of `width` channels.
  ///
  /// - Throws: `CheckpointError` naming the tensor that is missing, misshapen, not finite, no permutation, or without an
  ///   inverse.
  func transform(
    _ prefix: String, width: Int, in checkpoint: Checkpoint
  ) throws(CheckpointError) -> any LinearTransform {
    func stored(_ slot: String) throws(CheckpointError) -> StoredTensor { try checkpoint.tensor(prefix + slot) }
    switch self {
    case .diagonal: return try DiagonalTransform(stored: stored("diagonal"), width: width)
    case .permutation:
      let stored = try stored("permutation")
      return PermutationTransform(try stored.permutation(of: width))
    case .blocks:
      let stored = try stored("blocks")
      let blocks = try stored.squareMatrices(rank: 3)
      let dimension = blocks.count * blocks[0].dimension
      guard dimension == width || blocks.count == 1 && width % dimension == 0 else {
        throw stored.misshapen("which does not cover \(width) channels")
      }
      if blocks.count > 1 { return BlockDiagonalTransform(blocks: blocks) }
      return dimension == width ? blocks[0] : BlockDiagonalTransform(block: blocks[0], count: width / dimension)
    case .kronecker:
      let (left, right) = (try stored("left"), try stored("right"))
      let product = KroneckerTransform(
        left: try left.squareMatrices(rank: 2)[0], right: try right.squareMatrices(rank: 2)[0])
      guard product.dimension == width else {
        throw right.misshapen("which with \(left.shape) on its left does not make \(width) channels")
      }
      return product
    }
  }
}

extension DiagonalTransform {
  fileprivate init(stored: StoredTensor, width: Int) throws(CheckpointError) {
    guard stored.shape == [width] else { throw stored.misshapen("not [\(width)]") }
    let scales = try stored.tensor(checkingFinite: true).values
    if let zero = scales.firstIndex(of: 0) {
      throw CheckpointError(stored.origin, "the tensor \(stored.name) is 0 at [\(zero)], so it has no inverse.")
    }
    self.init(scales)
  }
}

extension StoredTensor {
  fileprivate func misshapen(_ cause: String) -> CheckpointError {
    CheckpointError(origin, "the tensor \(name) has the shape \(shape), \(cause).")
  }

  /// The values of an integer vector, every number below `width` once.
  func permutation(of width: Int) throws(CheckpointError) -> [Int] {
    guard dtype == .int32 || dtype == .int64, shape == [width] else {
      throw CheckpointError(
        origin, "the tensor \(name) is \(dtype.rawValue) \(shape), not I32 or I64 [\(width)].")
    }
    let sources = withUnsafeBytes { bytes in
      (0..<width).map {
        dtype == .int32
          ? Int(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self)))
          : Int(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)))
      }
    }
    guard sources.sorted().elementsEqual(0..<width) else {
      throw CheckpointError(origin, "the tensor \(name) is no permutation of 0 to \(width - 1).")
    }
    return sources
  }

  /// The matrices of a tensor `[n, n]` or `[K, n, n]`.
  fileprivate func squareMatrices(rank: Int) throws(CheckpointError) -> [any LinearTransform] {
    guard shape.count == rank, let n = shape.last, n > 0, shape[rank - 2] == n, count > 0 else {
      throw misshapen("not \(rank == 2 ? "[n, n]" : "[K, n, n]")")
    }
    if dtype == .int8 {
      let entries = withUnsafeBytes { bytes in bytes.map { Float(Int8(bitPattern: $0)) } }
      return try matrices(entries, n) { signs in
        if signs == .identity(n) { return IdentityTransform(n) }
        return HadamardTransform(matching: signs)
      }
    }
    return try matrices(tensor(checkingFinite: true).values, n) { try? DenseTransform($0) }
  }

  private func matrices(
    _ values: [Float], _ n: Int, _ make: (Tensor) -> (any LinearTransform)?
  ) throws(CheckpointError) -> [any LinearTransform] {
    var matrices: [any LinearTransform] = []
    for start in stride(from: 0, to: values.count, by: n * n) {
      guard let matrix = make(Tensor(Array(values[start..<start + n * n]), shape: [n, n])) else {
        let which = values.count > n * n ? " at [\(start / (n * n))]" : ""
        throw CheckpointError(
          origin,
          dtype == .int8
            ? "the tensor \(name)\(which) is neither the identity nor a Hadamard matrix that Walsh knows."
            : "the tensor \(name)\(which) has no inverse.")
      }
      matrices.append(matrix)
    }
    return matrices
  }
}

import WalshTensor
import WalshTransforms

/// The matrices of online transforms, between `LinearTransform` and the tensors of a checkpoint.
///
/// Hadamard matrices are stored as V with entries ±1 and act as x → x·V/√n, or x → x·Vᵀ/√n where the use is inverse.
/// Where the scheme is randomized, rows and columns of V are permuted first: V[perm][:, perm]. Other matrices are
/// stored as they act, and sequences step by step.
extension TransformScheme {
  /// The map of `application` on an axis of `width` channels of the module at `path`.
  ///
  /// The matrix of type `hadamard` may be missing, since its order defines it.
  ///
  /// - Throws: `CheckpointError` naming the tensor that is missing, has the wrong shape, is no Hadamard matrix or has no
  ///   inverse; or when the blocks do not divide `width`.
  public func transform(
    _ application: Application, at path: String, width: Int, in checkpoint: Checkpoint
  ) throws(CheckpointError) -> any LinearTransform {
    if kind == .sequence { return try sequence(application, at: path, width: width, in: checkpoint) }
    let order = blockSize ?? width
    guard order > 0, width % order == 0 else {
      throw CheckpointError(checkpoint.folder, "the blocks of \(name), \(order), do not divide \(path)'s \(width).")
    }
    let block = try block(application, at: path, order: order, in: checkpoint)
    return order == width ? block : BlockDiagonalTransform(block: block, count: width / order)
  }

  private func sequence(
    _ application: Application, at path: String, width: Int, in checkpoint: Checkpoint
  ) throws(CheckpointError) -> any LinearTransform {
    var steps: [any LinearTransform] = []
    for (index, part) in parts.enumerated() {
      let prefix = "\(path).\(name)_\(application.location.rawValue).\(index)."
      steps.append(try part.transform(prefix, width: width, in: checkpoint))
    }
    let transform = steps.count == 1 ? steps[0] : CompositeTransform(steps)
    return application.isInverse ? transform.inverse : transform
  }

  private func block(
    _ application: Application, at path: String, order: Int, in checkpoint: Checkpoint
  ) throws(CheckpointError) -> any LinearTransform {
    let tensorName = tensorName(path, application.location)
    if kind == .hadamard, !isRandomized, checkpoint[tensorName] == nil {
      guard order & (order - 1) == 0, let plain = try? HadamardTransform(order: order) else {
        throw CheckpointError(checkpoint.folder, "\(name) of type hadamard needs a power of two, not \(order).")
      }
      return plain
    }
    let stored = try checkpoint.tensor(tensorName)
    guard stored.shape == [order, order] else {
      throw CheckpointError(
        stored.origin, "the tensor \(tensorName) has the shape \(stored.shape), not [\(order), \(order)].")
    }
    var matrix = try stored.tensor(checkingFinite: true)
    if kind == .randomMatrix {
      do {
        return try DenseTransform(matrix)
      } catch {
        throw CheckpointError(stored.origin, "the tensor \(tensorName) has no inverse.")
      }
    }
    if isRandomized {
      let order = try permutation(path, application.location, order, in: checkpoint)
      let values = matrix
      matrix = Tensor(shape: matrix.shape) { p in
        for (i, row) in order.enumerated() {
          for (j, column) in order.enumerated() { p[i * order.count + j] = values[row, column] }
        }
      }
    }
    guard let hadamard = HadamardTransform(matching: matrix) else {
      throw CheckpointError(
        stored.origin, "the tensor \(tensorName) is no Hadamard matrix of entries 1 and -1 that Walsh knows.")
    }
    return application.isInverse ? hadamard.transpose : hadamard
  }

  private func permutation(
    _ path: String, _ location: Location, _ order: Int, in checkpoint: Checkpoint
  ) throws(CheckpointError) -> [Int] {
    try checkpoint.tensor(permutationName(path, location)).permutation(of: order)
  }

  /// The tensor to store for an online `application` whose blocks act as `block`, on the module at `path`.
  ///
  /// For the Hadamard types `block` must be a Hadamard transform up to signs: √n times its matrix has entries ±1. A
  /// randomized scheme has a permutation beside the matrix, which Walsh does not write: fold it into the matrix. Sequences
  /// are written by `OnlineTransform`.
  public func tensor(_ application: Application, at path: String, acting block: any LinearTransform) -> StoredTensor {
    precondition(application.location.isOnline, "A folded transform leaves no tensor.")
    precondition(kind != .sequence, "A sequence has several tensors.")
    precondition(!isRandomized, "A permutation belongs into the matrix.")
    let name = tensorName(path, application.location)
    guard kind != .randomMatrix else { return StoredTensor(name: name, block.matrix()) }
    var matrix = (application.isInverse ? block.transpose : block).matrix()
    let root = Float(block.dimension).squareRoot()
    matrix.withUnsafeMutableBufferPointer { p in
      for i in p.indices {
        let entry = p[i] * root
        precondition(abs(abs(entry) - 1) < 1e-3, "\(block) is no Hadamard transform.")
        p[i] = entry > 0 ? 1 : -1
      }
    }
    return StoredTensor(name: name, matrix)
  }
}

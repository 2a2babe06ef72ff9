import Foundation
import WalshTensor
import WalshTransforms

/// The stored form of a transform of activations: blocks of one matrix along the diagonal. `TransformScheme` reads it back.
///
/// compressed-tensors stores the block M, F32 `[n, n]`: for Hadamard kinds with entries ±1 and the factor 1/√n left to
/// the reader, for `random-matrix` as it acts. Activations take x ← x·M (or x·M/√n) in blocks of n channels.
public struct OnlineTransform: Sendable {
  /// The matrix as stored.
  public let matrix: Tensor
  /// What kind of matrix it is.
  public let kind: TransformScheme.Kind

  /// The order n of the block.
  public var blockSize: Int { matrix.shape[0] }

  /// The stored form of `transform`: its repeated block, or the whole when it does not repeat one.
  public init(_ transform: any LinearTransform) {
    let blocks = (transform as? BlockDiagonalTransform)?.blocks ?? [transform]
    let matrix = (blocks.count == 1 ? blocks[0] : transform).matrix()
    let n = matrix.shape[0]
    let signs = matrix.map { ($0 * Float(n).squareRoot()).rounded() }
    let isHadamard =
      HadamardTransform(matching: signs).map { relativeDifference($0.matrix(), matrix) < 1e-5 } ?? false
    self.init(stored: isHadamard ? signs : matrix)
  }

  /// A matrix read from a checkpoint, shape `[n, n]`.
  public init(stored matrix: Tensor) {
    self.matrix = matrix
    if HadamardTransform(matching: matrix) == nil {
      kind = .randomMatrix
    } else {
      // Sylvester's matrices are symmetric with a first row of ones; only they may be called plainly hadamard.
      let n = matrix.shape[0]
      let isSylvester =
        n & (n - 1) == 0
        && matrix.withUnsafeBufferPointer { values in
          values.indices.allSatisfy { i in
            let isPositive = ((i / n) & (i % n)).nonzeroBitCount.isMultiple(of: 2)
            return values[i] == (isPositive ? 1 : -1)
          }
        }
      kind = isSylvester ? .hadamard : .randomHadamard
    }
  }

  /// The name of the scheme for the transform of what stands at `base`, such as `R4_hadamard_32`.
  ///
  /// A scheme has one kind and one block size, and its name is part of the name of each stored matrix, so both are in it.
  public func schemeName(_ base: String) -> String {
    "\(base)_\(kind.rawValue.replacing("-", with: "_"))_\(blockSize)"
  }

  /// The tensor to store for the module at `path`.
  public func stored(named base: String, at path: String, _ location: TransformScheme.Location) -> StoredTensor {
    StoredTensor(name: "\(path).\(schemeName(base))_\(location.rawValue).weight", matrix)
  }
}

/// ‖a − b‖ / ‖b‖ in Float64.
private func relativeDifference(_ a: Tensor, _ b: Tensor) -> Double {
  ((a - b).sumOfSquares / b.sumOfSquares).squareRoot()
}

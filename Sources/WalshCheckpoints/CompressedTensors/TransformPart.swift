import WalshTensor
import WalshTransforms

extension TransformScheme {
  /// A step of a scheme of kind `sequence`, by what it stores for a module: step i in tensors called
  /// `<path>.<name>_<location>.<i>.<slot>`.
  ///
  /// A matrix is F32 and acts as it is stored, or I8 and is the identity or a Hadamard matrix of entries ±1, which acts
  /// with the factor 1/√n.
  public enum Part: String, Sendable, CaseIterable {
    /// x ← x·diag(s). Slot `diagonal`: s, F32 `[width]`, finite and not zero.
    case diagonal
    /// x_j ← x_{σ(j)}. Slot `permutation`: σ, I32 `[width]`.
    case permutation
    /// x ← x·diag(B₁, …, B_K). Slot `blocks`: `[K, n, n]`; a single block repeats, several fill the width.
    case blocks
    /// x ← x·(L ⊗ R). Slots `left`: `[n₁, n₁]`, and `right`: `[n₂, n₂]`, with n₁·n₂ = width.
    case kronecker

    /// The part that a slot belongs to; nil for a name that is no slot.
    init?(slot: String) {
      switch slot {
      case "left", "right": self = .kronecker
      case "kronecker": return nil
      default: self.init(rawValue: slot)
      }
    }
  }
}

/// One step of a transform as a checkpoint stores it.
enum StoredPart {
  case diagonal([Float])
  case permutation([Int])
  /// Blocks of one dimension, or a single one that repeats.
  case blocks([any LinearTransform])
  case kronecker(left: any LinearTransform, right: any LinearTransform)

  /// The step that `transform` is: a block of its own where it is nothing more particular.
  init(_ transform: any LinearTransform) {
    switch transform {
    case let diagonal as DiagonalTransform: self = .diagonal(diagonal.scales)
    case let permutation as PermutationTransform: self = .permutation(permutation.sources)
    case let product as KroneckerTransform: self = .kronecker(left: product.left, right: product.right)
    case let diagonal as BlockDiagonalTransform where diagonal.hasEqualBlocks: self = .blocks(diagonal.blocks)
    default: self = .blocks([transform])
    }
  }

  /// The steps of `transform` in the order in which they act, without identities.
  static func parts(of transform: any LinearTransform) -> [StoredPart] {
    let parts = (transform as? CompositeTransform)?.parts ?? [transform]
    return parts.filter { !($0 is IdentityTransform) }.map(StoredPart.init)
  }

  /// What kind of step it is.
  var kind: TransformScheme.Part {
    switch self {
    case .diagonal: .diagonal
    case .permutation: .permutation
    case .blocks: .blocks
    case .kronecker: .kronecker
    }
  }

  /// The tensors, named by their slots.
  var layouts: [TensorLayout] {
    switch self {
    case .diagonal(let scales): [TensorLayout(name: "diagonal", dtype: .float32, shape: [scales.count])]
    case .permutation(let sources): [TensorLayout(name: "permutation", dtype: .int32, shape: [sources.count])]
    case .blocks(let blocks):
      [
        TensorLayout(
          name: "blocks", dtype: blocks.dtype, shape: [blocks.count, blocks[0].dimension, blocks[0].dimension])
      ]
    case .kronecker(let left, let right):
      [
        TensorLayout(name: "left", dtype: [left].dtype, shape: [left.dimension, left.dimension]),
        TensorLayout(name: "right", dtype: [right].dtype, shape: [right.dimension, right.dimension]),
      ]
    }
  }

  /// The numbers in all tensors.
  var count: Int { layouts.reduce(0) { $0 + $1.count } }

  /// The tensors with their values, named by their slots.
  var tensors: [StoredTensor] {
    let contents: [[UInt8]] =
      switch self {
      case .diagonal(let scales): [scales.flatMap { $0.bitPattern.bytes }]
      case .permutation(let sources): [sources.flatMap { UInt32($0).bytes }]
      case .blocks(let blocks): [blocks.bytes]
      case .kronecker(let left, let right): [[left].bytes, [right].bytes]
      }
    return zip(layouts, contents).map {
      StoredTensor(name: $0.name, dtype: $0.dtype, shape: $0.shape, bytes: $1)
    }
  }
}

extension BlockDiagonalTransform {
  /// Whether one tensor holds the blocks: they are of one dimension, and several do not repeat.
  fileprivate var hasEqualBlocks: Bool {
    (blocks.count == 1 || count == 1) && blocks.allSatisfy { $0.dimension == blocks[0].dimension }
  }
}

/// Matrices that are stored in one tensor.
extension [any LinearTransform] {
  /// I8 when all are the identity or Hadamard matrices.
  fileprivate var dtype: DType {
    allSatisfy { $0 is HadamardTransform || $0 is IdentityTransform } ? .int8 : .float32
  }

  fileprivate var bytes: [UInt8] {
    flatMap { block -> [UInt8] in
      let matrix = block.matrix()
      guard dtype == .int8 else { return matrix.values.flatMap { $0.bitPattern.bytes } }
      return matrix.values.map { UInt8(bitPattern: $0 > 0 ? 1 : $0 < 0 ? -1 : 0) }
    }
  }
}

extension UInt32 {
  /// Little-endian.
  fileprivate var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }
}

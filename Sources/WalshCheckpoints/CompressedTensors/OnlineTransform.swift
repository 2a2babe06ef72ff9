import WalshTensor
import WalshTransforms

/// The stored form of a transform of activations. `TransformScheme` reads it back.
///
/// A block M that repeats along the diagonal is stored as compressed-tensors does, F32 `[n, n]`: for Hadamard kinds with
/// entries ±1 and the factor 1/√n left to the reader, for `random-matrix` as it acts. Activations take x ← x·M (or
/// x·M/√n) in blocks of n channels. A transform that has fewer numbers as a sequence of diagonals, permutations, different
/// blocks and Kronecker products is stored as one, which other runtimes do not know and refuse.
public struct OnlineTransform: Sendable {
  /// How the transform is stored.
  public let form: Form
  private let content: Content

  private enum Content {
    case block(Tensor)
    case sequence([StoredPart])
  }

  /// How a transform is stored, apart from its numbers: what a scheme says of all modules that it names.
  public struct Form: Hashable, Sendable {
    /// What kind of map it is.
    public let kind: TransformScheme.Kind
    /// The order of the block that repeats; nil for a sequence.
    public let blockSize: Int?
    /// The steps of a sequence.
    public let parts: [TransformScheme.Part]

    /// The name of the scheme for the transform of what stands at `base`, such as `R4_hadamard_32` or
    /// `R1_diagonal_blocks`.
    ///
    /// A scheme has one form, and its name is part of the name of each stored tensor, so the form is in it.
    public func schemeName(_ base: String) -> String {
      guard let blockSize else { return ([base] + parts.map(\.rawValue)).joined(separator: "_") }
      return "\(base)_\(kind.rawValue.replacing("-", with: "_"))_\(blockSize)"
    }
  }

  /// The stored form of `transform`.
  public init(_ transform: any LinearTransform) {
    if let parts = Self.sequence(of: transform) {
      content = .sequence(parts)
      form = Form(kind: .sequence, blockSize: nil, parts: parts.map(\.kind))
      return
    }
    let matrix = Self.block(of: transform).matrix()
    let n = matrix.shape[0]
    let signs = matrix.map { ($0 * Float(n).squareRoot()).rounded() }
    let isHadamard =
      HadamardTransform(matching: signs).map { relativeDifference($0.matrix(), matrix) < 1e-5 } ?? false
    let stored = isHadamard ? signs : matrix
    content = .block(stored)
    form = Form(block: stored)
  }

  /// The bytes that a module's tensors take.
  public static func byteCount(of transform: any LinearTransform) -> Int {
    if let parts = sequence(of: transform) {
      return parts.reduce(0) { $0 + $1.layouts.reduce(0) { $0 + $1.byteCount } }
    }
    let order = block(of: transform).dimension
    return order * order * 4
  }

  /// The tensors to store for the module at `path`.
  public func tensors(
    named base: String, at path: String, _ location: TransformScheme.Location
  ) -> [StoredTensor] {
    let prefix = "\(path).\(form.schemeName(base))_\(location.rawValue)."
    switch content {
    case .block(let matrix): return [StoredTensor(name: prefix + "weight", matrix)]
    case .sequence(let parts):
      return parts.enumerated().flatMap { index, part in
        part.tensors.map { $0.named("\(prefix)\(index).\($0.name)") }
      }
    }
  }

  /// The block that repeats, or the whole where none does.
  private static func block(of transform: any LinearTransform) -> any LinearTransform {
    guard let diagonal = transform as? BlockDiagonalTransform, diagonal.blocks.count == 1 else { return transform }
    return diagonal.blocks[0]
  }

  /// The steps of `transform` where they have fewer numbers than its block; nil where they have not.
  private static func sequence(of transform: any LinearTransform) -> [StoredPart]? {
    let parts = StoredPart.parts(of: transform)
    let order = block(of: transform).dimension
    guard !parts.isEmpty, parts.reduce(0, { $0 + $1.count }) < order * order else { return nil }
    return parts
  }
}

extension OnlineTransform.Form {
  /// The form of a stored matrix of shape `[n, n]`.
  init(block matrix: Tensor) {
    parts = []
    blockSize = matrix.shape[0]
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

  /// The form of the transform named after `base` that `checkpoint` stores for the module at `path`; nil when it stores
  /// none. The names of the tensors say everything but the kind of a single matrix.
  ///
  /// - Throws: `CheckpointError` when that matrix cannot be read.
  public init?(
    named base: String, at path: String, _ location: TransformScheme.Location, in checkpoint: Checkpoint
  ) throws(CheckpointError) {
    let (prefix, separator) = ("\(path).\(base)_", "_\(location.rawValue).")
    var steps: [Int: TransformScheme.Part] = [:]
    for name in checkpoint.names where name.hasPrefix(prefix) {
      guard let range = name.ranges(of: separator).last else { continue }
      let slot = name[range.upperBound...]
      if slot == "weight" {
        self.init(block: try checkpoint.tensor(name).tensor())
        return
      }
      let words = slot.split(separator: ".")
      guard words.count == 2, let index = Int(words[0]) else { continue }
      steps[index] = TransformScheme.Part(slot: String(words[1]))
    }
    if steps.isEmpty { return nil }
    self.init(kind: .sequence, blockSize: nil, parts: steps.sorted { $0.key < $1.key }.map(\.value))
  }
}

/// ‖a − b‖ / ‖b‖ in Float64.
private func relativeDifference(_ a: Tensor, _ b: Tensor) -> Double {
  ((a - b).sumOfSquares / b.sumOfSquares).squareRoot()
}

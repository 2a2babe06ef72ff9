import WalshFormats
import WalshTensor

/// How one product A·Bᵀ of a layer is computed; A is `[m, k]`, B is `[n, k]` and k the contraction axis.
public struct ProductTreatment: Sendable, Hashable {
  /// How A is prepared: X in the forward product, E in the gradients.
  public var left: OperandTreatment
  /// How B is prepared: W in the forward product and the input gradient, X in the weight gradient.
  public var right: OperandTreatment
  /// What is computed apart, in high precision.
  public var extraction: OutlierExtraction
  /// The size of a Hadamard transform along both outer axes that is undone after the product, as HALO does; nil: none.
  public var outerHadamard: Int?

  public init(
    left: OperandTreatment, right: OperandTreatment, extraction: OutlierExtraction = .none, outerHadamard: Int? = nil
  ) {
    self.left = left
    self.right = right
    self.extraction = extraction
    self.outerHadamard = outerHadamard
  }

  /// The same treatment for both operands.
  public static func both(_ operand: OperandTreatment) -> Self { Self(left: operand, right: operand) }
}

/// B as a product needs it, which may be long after it was prepared.
struct PreparedRight: Sendable {
  /// The quantized operand, its extracted rows set to zero; where columns are extracted, the operand as it is.
  let operand: PreparedOperand
  /// n, which padding of the outer axis does not change.
  let outer: Int
  /// The rows that were taken out and their values in bfloat16, shape `[count, k]`.
  let extracted: (indices: [Int], rows: Tensor)?
  /// B in bfloat16, where rows of A will be multiplied with it.
  let original: Tensor?
}

/// One product of one layer at one step.
struct LayerProduct: Sendable {
  let treatment: ProductTreatment
  let layer: LayerContext
  /// `forward`, `input gradient` or `weight gradient`.
  let name: String

  private func key(_ side: String) -> OperandKey { OperandKey(layer: layer, product: name, side: side) }

  /// B, shape `[n, k]`, ready for the product.
  func prepareRight(_ b: Tensor) -> PreparedRight {
    var clean = b
    var extracted: (indices: [Int], rows: Tensor)?
    if case .right(let ranking, let count) = treatment.extraction {
      let indices = ranking.largestRows(of: b, count: count)
      extracted = (indices, b.gatheringRows(indices).roundedToBFloat16())
      clean = b.zeroingRows(indices)
    }
    if case .leftColumns = treatment.extraction {
      return PreparedRight(operand: .dense(b), outer: b.rowCount, extracted: nil, original: nil)
    }
    var original: Tensor?
    if case .left = treatment.extraction { original = b.roundedToBFloat16() }
    return PreparedRight(
      operand: treatment.right.prepare(outerRotated(clean), key: key("right")), outer: b.rowCount,
      extracted: extracted, original: original)
  }

  /// The transpose of `stored`, shape `[k, n]`, ready for the product.
  func prepareRight(transposing stored: Tensor) -> PreparedRight {
    guard isPlain else { return prepareRight(stored.transposed()) }
    return PreparedRight(
      operand: treatment.right.prepare(transposing: stored, key: key("right")), outer: stored.columns, extracted: nil,
      original: nil)
  }

  /// Whether nothing is computed apart or undone afterwards.
  private var isPlain: Bool { treatment.extraction == .none && treatment.outerHadamard == nil }

  /// The codes of the forward product, read along the other axis.
  func prepareRight(transposing codes: PreparedOperand) -> PreparedRight {
    let operand = codes.transposed
    if treatment.right == .forwardCodes {
      return PreparedRight(operand: operand, outer: operand.outer, extracted: nil, original: nil)
    }
    return prepareRight(operand.decoded)
  }

  /// A, shape `[m, k]`, as it enters the product.
  func prepareLeft(_ a: Tensor) -> PreparedOperand { treatment.left.prepare(outerRotated(a), key: key("left")) }

  /// A·Bᵀ, shape `[m, n]`.
  func callAsFunction(_ a: Tensor, _ b: PreparedRight) -> Tensor {
    if case .left(let ranking, let count) = treatment.extraction, let original = b.original {
      let indices = ranking.largestRows(of: a, count: count)
      let exact = a.gatheringRows(indices).roundedToBFloat16().matmulTransposed(original)
      var y = finish(prepareLeft(a.zeroingRows(indices)), a, b)
      y.replaceRows(indices, with: exact)
      return y
    }
    if case .leftColumns(let ranking, let count) = treatment.extraction {
      return product(a, b.operand.decoded, apart: ranking.largestColumns(of: a, count: count))
    }
    return finish(prepareLeft(a), a, b)
  }

  /// A·Bᵀ where the columns `indices` of both are computed in bfloat16, and all others as the treatment says.
  private func product(_ a: Tensor, _ b: Tensor, apart indices: [Int]) -> Tensor {
    let exact = a.gatheringColumns(indices).roundedToBFloat16()
      .matmulTransposed(b.gatheringColumns(indices).roundedToBFloat16())
    let right = treatment.right.prepare(outerRotated(b.zeroingColumns(indices)), key: key("right"))
    let clean = finish(
      prepareLeft(a.zeroingColumns(indices)), a,
      PreparedRight(operand: right, outer: b.rowCount, extracted: nil, original: nil))
    return clean + exact
  }

  /// A·Bᵀ for the transpose A of `stored`, shape `[k, m]`.
  func callAsFunction(transposing stored: Tensor, _ b: PreparedRight) -> Tensor {
    guard isPlain else { return self(stored.transposed(), b) }
    return treatment.left.prepare(transposing: stored, key: key("left")).product(with: b.operand)
  }

  /// A·Bᵀ for an operand A that is prepared already; `a` is what it was prepared from.
  func finish(_ left: PreparedOperand, _ a: Tensor, _ b: PreparedRight) -> Tensor {
    var y = left.product(with: b.operand)
    if let size = treatment.outerHadamard {
      let rotation = OperandRotation(size: size)
      y = rotation.rotate(y, signs: []).transposed()
      y = rotation.rotate(y.rows(0..<b.outer), signs: []).transposed().rows(0..<a.rowCount)
    }
    if let (indices, rows) = b.extracted {
      y.replaceColumns(indices, with: a.roundedToBFloat16().matmulTransposed(rows))
    }
    return y
  }

  /// `x`, shape `[outer, contraction]`, rotated along its outer axis where the treatment says so.
  private func outerRotated(_ x: Tensor) -> Tensor {
    guard let size = treatment.outerHadamard else { return x }
    return OperandRotation(size: size).rotate(x.transposed(), signs: []).transposed()
  }
}

import WalshFormats
import WalshTensor

/// An operand of a product A·Bᵀ as it enters it: a matrix `[outer, contraction]`.
///
/// The one place where products of quantized numbers are computed; no recipe knows how.
enum PreparedOperand: Sendable {
  /// Numbers that need all of Float32, or of bfloat16.
  case dense(Tensor)
  /// The same, stored as `[contraction, outer]`.
  case denseTransposed(Tensor)
  /// Codes whose groups run along the contraction axis.
  case packed(PackedMatrix)
  /// Codes of the transposed operand: those of the forward product, read along the other axis.
  case packedTransposed(PackedMatrix)

  /// The extent of the outer axis.
  var outer: Int {
    switch self {
    case .dense(let x): x.rowCount
    case .denseTransposed(let x): x.columns
    case .packed(let codes): codes.rows
    case .packedTransposed(let codes): codes.columns
    }
  }

  /// The numbers that the codes stand for, shape `[outer, contraction]`.
  var decoded: Tensor {
    switch self {
    case .dense(let x): x
    case .denseTransposed(let x): x.transposed()
    case .packed(let codes): codes.unpacked()
    case .packedTransposed(let codes): codes.unpacked().transposed()
    }
  }

  /// The numbers in the order in which they are stored.
  private var stored: (values: Tensor, isTransposed: Bool) {
    switch self {
    case .dense(let x): (x, false)
    case .denseTransposed(let x): (x, true)
    case .packed(let codes): (codes.unpacked(), false)
    case .packedTransposed(let codes): (codes.unpacked(), true)
    }
  }

  /// This operand with outer and contraction axis exchanged. Codes stay as they are.
  var transposed: PreparedOperand {
    switch self {
    case .dense(let x): .denseTransposed(x)
    case .denseTransposed(let x): .dense(x)
    case .packed(let codes): .packedTransposed(codes)
    case .packedTransposed(let codes): .packed(codes)
    }
  }

  /// The codes with their groups along the contraction axis, nil where there are none.
  private var codes: PackedMatrix? {
    switch self {
    case .dense, .denseTransposed: nil
    case .packed(let codes): codes
    case .packedTransposed(let codes): codes.transposedTiles
    }
  }

  /// A·Bᵀ in Float32, shape `[outer, other.outer]`.
  ///
  /// Where both are E2M1 in equal groups, the sum of a pair of groups is an exact integer, which meets the product of
  /// their scales; groups are added in order. Other operands are decoded and multiplied in Float32. The two ways agree to
  /// the order of summation: a relative error of about 1e-6 · √contraction.
  func product(with other: PreparedOperand) -> Tensor {
    guard let a = codes, let b = other.codes, a.format.element == .e2m1, b.format.element == .e2m1,
      let w = InterleavedMatrix(b), w.multiplies(a.format)
    else { return decodedProduct(with: other) }
    return w.multiply(QuantizedRows(a, for: w))
  }

  /// A·Bᵀ of the decoded operands, in Float32.
  func decodedProduct(with other: PreparedOperand) -> Tensor {
    switch (stored, other.stored) {
    case ((let a, false), (let b, false)): a.matmulTransposed(b)
    case ((let a, false), (let b, true)): a.matmul(b)
    case ((let a, true), (let b, true)): a.leftTransposedProduct(b)
    case ((let a, true), (let b, false)): a.transposed().matmulTransposed(b)
    }
  }
}

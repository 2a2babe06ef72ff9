import WalshFormats
import WalshTensor

/// An operand of a product A·Bᵀ as it enters it: a matrix `[outer, contraction]`.
///
/// The one place where products of quantized numbers are computed. A faster kernel replaces the body of
/// `product(with:by:)`; no recipe changes.
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

  /// How a product of two operands is computed.
  enum Arithmetic: Sendable {
    /// Both are decoded and multiplied in Float32. The fastest way today.
    case decoded
    /// The exact integer sum of each pair of blocks of E2M1, times their scales; other operands are decoded.
    case blockSums
  }

  /// A·Bᵀ in Float32, shape `[outer, other.outer]`.
  ///
  /// The two ways agree to Float32's order of summation: a relative error of about 1e-6 · √contraction.
  func product(with other: PreparedOperand, by arithmetic: Arithmetic = .decoded) -> Tensor {
    if arithmetic == .blockSums, case .packed(let a) = self, case .packed(let b) = other, a.sharesBlocks(with: b) {
      return b.multiply(a)
    }
    return switch (stored, other.stored) {
    case ((let a, false), (let b, false)): a.matmulTransposed(b)
    case ((let a, false), (let b, true)): a.matmul(b)
    case ((let a, true), (let b, true)): a.leftTransposedProduct(b)
    case ((let a, true), (let b, false)): a.transposed().matmulTransposed(b)
    }
  }
}

extension PackedMatrix {
  /// Whether `PackedMatrix.multiply` takes both: E2M1 in equal groups.
  fileprivate func sharesBlocks(with other: PackedMatrix) -> Bool {
    format.element == .e2m1 && other.format.element == .e2m1
      && format.groupSize(columns: columns) == other.format.groupSize(columns: columns)
  }
}

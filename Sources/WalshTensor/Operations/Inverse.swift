extension Tensor {
  /// The inverse of a square matrix, solved in Float64.
  ///
  /// With Y = X⁻¹ the gradient is −Yᵀ·G·Yᵀ. Cayley's map of a skew-symmetric A, an orthogonal matrix, is
  /// 2·(I − A/2)⁻¹ − I.
  ///
  /// - Throws: `LinearAlgebraError.singular` when a pivot is exactly zero, `notFinite` for NaN or infinity.
  /// - Complexity: about 3n³ multiply-adds, and 2n³ for the gradient.
  public func inverted() throws(LinearAlgebraError) -> Tensor {
    precondition(
      rank == 2 && shape[0] == shape[1], "Only a square matrix is inverted, not a tensor of shape \(shape).")
    let inverse = Tensor(try Matrix(self).inverse())
    return inverse.recorded(from: self) { _ in
      let transposed = inverse.transposed()
      return { -transposed.matmul($0).matmul(transposed) }
    }
  }
}

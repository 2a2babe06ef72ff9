import WalshTensor

/// An invertible linear map P of the last axis, acting on row vectors: x → x·P.
///
/// A linear layer Y = X·Wᵀ keeps its output when its input is transformed by P and its weight by P⁻ᵀ, both along the
/// input axis: (X·P)·(W·P⁻ᵀ)ᵀ = X·Wᵀ. Transforms never know what they are applied to; folding them into a model is the
/// work of others.
public protocol LinearTransform: Sendable, CustomStringConvertible {
  /// n, the extent of the axis the transform acts on.
  var dimension: Int { get }
  /// True when P·Pᵀ = I up to rounding, so that `inverse` and `transpose` agree.
  var isOrthogonal: Bool { get }
  /// The operations that one row costs; a multiplication and an addition count one each.
  var flopsPerRow: Int { get }
  /// Replaces every row of the last axis by x·P. `x.columns` must equal `dimension`.
  func apply(to x: inout Tensor)
  /// Every row of the last axis of `x` mapped, recorded where `x` is tracked, or where what the map itself consists of is,
  /// as while it is learned.
  func applied(to x: Tensor) -> Tensor
  /// The map P⁻¹.
  var inverse: any LinearTransform { get }
  /// The map Pᵀ.
  var transpose: any LinearTransform { get }
}

extension LinearTransform {
  /// The gradient of x in x·P is g·Pᵀ; P is constant.
  public func applied(to x: Tensor) -> Tensor {
    var result = x.detached()
    apply(to: &result)
    return result.recorded(from: x, operation: "transformed(by:)") { _ in { $0.transformed(by: transpose) } }
  }

  /// The map P⁻ᵀ, which a weight takes when its input takes P.
  public var inverseTranspose: any LinearTransform { isOrthogonal ? self : inverse.transpose }

  /// P as a dense matrix, shape `[n, n]`.
  ///
  /// - Complexity: n applications to a row.
  public func matrix() -> Tensor { Tensor.identity(dimension).transformed(by: self) }

  /// Stops the program when the last axis of `x` does not have this transform's dimension.
  func checkShape(_ x: Tensor) {
    precondition(
      x.columns == dimension,
      "\(self) acts on a last axis of \(dimension), which a tensor of shape \(x.shape) does not have.")
  }
}

extension Tensor {
  /// Every row of the last axis mapped by `transform`. Differentiable: the gradient of x in x·P is g·Pᵀ.
  public func transformed(by transform: any LinearTransform) -> Tensor { transform.applied(to: self) }

  /// Maps every row of the last axis by `transform`, in place unless this is tracked.
  public mutating func transform(by transform: any LinearTransform) {
    if isTracked { self = transformed(by: transform) } else { transform.apply(to: &self) }
  }

  /// Calls `body` with the values under another shape of equal count, without copying them.
  mutating func withShape(_ other: [Int], _ body: (inout Tensor) -> Void) {
    let own = shape
    self = reshaped(to: other)
    body(&self)
    self = reshaped(to: own)
  }

  /// Calls `body` for chunks of rows, on several threads: the row range and a pointer to its first value.
  ///
  /// The chunks hold about 2^18 values each, but no fewer rows than `minimumRows`; they depend on the shape alone.
  mutating func forEachRowChunk(
    minimumRows: Int = 1, _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) {
    let (rows, n) = (rowCount, columns)
    withUnsafeMutableBufferPointer { x in
      guard let base = x.baseAddress, n > 0 else { return }
      Parallel.forEachChunk(of: rows, size: max(minimumRows, (1 << 18) / n)) { range in
        body(range, base + range.lowerBound * n)
      }
    }
  }
}

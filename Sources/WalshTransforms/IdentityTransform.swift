import WalshTensor

/// P = I, which leaves every row as it is.
public struct IdentityTransform: LinearTransform, Hashable {
  public let dimension: Int

  /// - Parameter dimension: n, at least 1.
  public init(_ dimension: Int) {
    precondition(dimension > 0, "A transform acts on an axis of at least one value, not \(dimension).")
    self.dimension = dimension
  }

  public var isOrthogonal: Bool { true }
  public var flopsPerRow: Int { 0 }
  public func apply(to x: inout Tensor) { checkShape(x) }
  public var inverse: any LinearTransform { self }
  public var transpose: any LinearTransform { self }
  public var description: String { "identity \(dimension)" }
}

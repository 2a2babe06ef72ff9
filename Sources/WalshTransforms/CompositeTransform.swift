import WalshTensor

/// Several transforms one after another: P = P₁·P₂·…, the first of the list acting first.
public struct CompositeTransform: LinearTransform {
  /// The parts in the order in which they act; none of them is itself a composite.
  public let parts: [any LinearTransform]

  /// - Parameter parts: at least one transform, all of the same dimension.
  public init(_ parts: [any LinearTransform]) {
    precondition(!parts.isEmpty, "A composition needs at least one transform.")
    precondition(
      parts.allSatisfy { $0.dimension == parts[0].dimension },
      "Transforms of dimensions \(parts.map(\.dimension)) cannot follow each other.")
    self.parts = parts.flatMap { ($0 as? CompositeTransform)?.parts ?? [$0] }
  }

  public var dimension: Int { parts[0].dimension }
  public var isOrthogonal: Bool { parts.allSatisfy(\.isOrthogonal) }
  public var flopsPerRow: Int { parts.reduce(0) { $0 + $1.flopsPerRow } }
  public func apply(to x: inout Tensor) { for part in parts { part.apply(to: &x) } }
  public var inverse: any LinearTransform { CompositeTransform(parts.reversed().map(\.inverse)) }
  public var transpose: any LinearTransform { CompositeTransform(parts.reversed().map(\.transpose)) }
  public var description: String { parts.map(\.description).joined(separator: " · ") }
}

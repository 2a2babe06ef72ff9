import WalshModels
import WalshTransforms

extension Rotation {
  /// A Hadamard transform of all of `width` channels that can be stored for every layer: H_n, or H_a ⊗ H_b with the largest
  /// orders that do not go beyond `RotationKind.largestOnlineBlock`; nil where there is none.
  ///
  /// The product of two Hadamard matrices is one. QuaRot and SpinQuant put it in front of down projections (R4).
  static func wholeWidthHadamard(_ width: Int) -> (any LinearTransform)? {
    let limit = RotationKind.largestOnlineBlock
    if width <= limit, let whole = try? HadamardTransform(order: width) { return whole }
    // The most balanced factors need the fewest numbers.
    for left in (2...limit).reversed() where width % left == 0 && left * left <= width && width / left <= limit {
      guard let left = try? HadamardTransform(order: left),
        let right = try? HadamardTransform(order: width / left.dimension)
      else { continue }
      return KroneckerTransform(left: left, right: right)
    }
    return nil
  }
}

extension Plan {
  /// Gives every down projection a Hadamard transform of its whole width, where there is one; elsewhere its blocks stay.
  mutating func mixWholeWidths(of outline: ModelOutline) {
    for group in outline.blocks.flatMap(\.groups) {
      guard case .gatedProduct = group.source, let whole = Rotation.wholeWidthHadamard(group.width) else { continue }
      groups[group.id]?.transform = .fixed(whole)
    }
  }
}

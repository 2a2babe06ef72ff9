import WalshTensor

/// P = diag(s): channel i is multiplied by sᵢ.
public struct DiagonalTransform: LinearTransform, Hashable {
  /// The factors s, finite and not zero.
  public let scales: [Float]

  /// - Parameter scales: at least one factor, all finite and not zero.
  public init(_ scales: [Float]) {
    precondition(!scales.isEmpty, "A diagonal transform needs at least one factor.")
    precondition(
      scales.allSatisfy { $0.isFinite && $0 != 0 }, "The factors of a diagonal transform are finite and not zero.")
    self.scales = scales
  }

  /// Independent fair signs ±1, an orthogonal transform. Channel i takes the sign at position i of `stream`.
  public static func randomSigns(_ n: Int, stream: RandomStream) -> DiagonalTransform {
    DiagonalTransform((0..<n).map { stream.sign(at: $0) })
  }

  public var dimension: Int { scales.count }
  public var isOrthogonal: Bool { scales.allSatisfy { abs($0) == 1 } }
  public var flopsPerRow: Int { dimension }

  public func apply(to x: inout Tensor) {
    checkShape(x)
    x.forEachRowChunk { rows, p in DiagonalTransform.scale(p, rows: rows.count, by: scales) }
  }

  /// The map diag(1/s). Rounded, unless every factor is a power of two.
  public var inverse: any LinearTransform { DiagonalTransform(scales.map { 1 / $0 }) }
  public var transpose: any LinearTransform { self }
  public var description: String { isOrthogonal ? "signs \(dimension)" : "diagonal \(dimension)" }

  /// Multiplies each of `rows` contiguous rows by `scales`, element by element.
  static func scale(_ p: UnsafeMutablePointer<Float>, rows: Int, by scales: [Float]) {
    scales.withUnsafeBufferPointer { s in
      for r in 0..<rows {
        let row = UnsafeMutableBufferPointer(start: p + r * s.count, count: s.count)
        for i in row.indices { row[i] *= s[i] }
      }
    }
  }
}

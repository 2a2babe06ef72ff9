import WalshTensor

/// A reordering of channels: output j is input `sources[j]`, so P[sources[j], j] = 1.
public struct PermutationTransform: LinearTransform, Hashable {
  /// For every output channel the input channel it comes from.
  public let sources: [Int]

  /// - Parameter sources: every number of `0..<n` once.
  public init(_ sources: [Int]) {
    precondition(
      !sources.isEmpty && sources.sorted().elementsEqual(sources.indices),
      "A permutation of \(sources.count) channels names every channel once.")
    self.sources = sources
  }

  /// A permutation with all n! orders equally likely (Fisher and Yates), read from the beginning of `stream`.
  public static func random(_ n: Int, stream: RandomStream) -> PermutationTransform {
    var generator = stream.generator
    return PermutationTransform((0..<n).shuffled(using: &generator))
  }

  public var dimension: Int { sources.count }
  public var isOrthogonal: Bool { true }
  public var flopsPerRow: Int { 0 }

  public func apply(to x: inout Tensor) {
    checkShape(x)
    let n = dimension
    x.forEachRowChunk { rows, p in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: n) { row in
        for r in 0..<rows.count {
          let q = p + r * n
          _ = row.initialize(fromContentsOf: UnsafeBufferPointer(start: q, count: n))
          for j in 0..<n { q[j] = row[sources[j]] }
        }
      }
    }
  }

  public var inverse: any LinearTransform {
    var back = sources
    for (j, i) in sources.enumerated() { back[i] = j }
    return PermutationTransform(back)
  }

  public var transpose: any LinearTransform { inverse }
  public var description: String { "permutation \(dimension)" }
}

/// How a Hadamard matrix is made.
public indirect enum HadamardConstruction: Hashable, Sendable, CustomStringConvertible {
  /// Order 2^levels with entries (−1)^popcount(i AND j), Sylvester's matrix in natural order.
  case sylvester(levels: Int)
  /// Paley's first construction, order q + 1, for a prime power q that leaves 3 on division by 4.
  case paleyI(q: Int)
  /// Paley's second construction, order 2(q + 1), for a prime power q that leaves 1 on division by 4.
  case paleyII(q: Int)
  /// Williamson's array of four symmetric circulants of order t; the order is 4t.
  case williamson(t: Int)
  /// The Kronecker product, the first factor outside.
  case product(HadamardConstruction, HadamardConstruction)
  /// The transpose.
  case transposed(HadamardConstruction)
  /// Read from a file.
  case given(order: Int)

  /// The order of the matrix.
  public var order: Int {
    switch self {
    case .sylvester(let levels): 1 << levels
    case .paleyI(let q): q + 1
    case .paleyII(let q): 2 * (q + 1)
    case .williamson(let t): 4 * t
    case .product(let a, let b): a.order * b.order
    case .transposed(let a): a.order
    case .given(let n): n
    }
  }

  public var description: String {
    switch self {
    case .sylvester: "Sylvester, order \(order)"
    case .paleyI(let q): "Paley I, q = \(q)"
    case .paleyII(let q): "Paley II, q = \(q)"
    case .williamson(let t): "Williamson, 4·\(t)"
    case .product(let a, let b): "(\(a)) ⊗ (\(b))"
    case .transposed(let a): "(\(a)) transposed"
    case .given(let n): "given, order \(n)"
    }
  }

  /// How the matrix of order n is made here, nil when it is not.
  ///
  /// It is (outer matrix of order K) ⊗ (Sylvester of order n/K), with the outer matrix that `outer(of:)` chooses.
  public init?(order n: Int) {
    guard let (outer, levels) = HadamardConstruction.outer(of: n) else { return nil }
    if levels == 0 {
      self = outer
    } else if outer.order == 1 {
      self = .sylvester(levels: levels)
    } else {
      self = .product(outer, .sylvester(levels: levels))
    }
  }

  /// The largest order of an outer matrix; a dense mixing of more blocks would be no fast transform.
  public static let largestOuterOrder = 1024

  /// Splits n = K·2^a: the construction of the outer matrix, of order K, and a. Nil when no K will do.
  ///
  /// A power of two has K = 1. Otherwise K is the first of 172, 156, 140, 108, 60, 52, 36, 28, 40, 20, 12 that leaves a
  /// power of two, the order that released checkpoints depend on (QWHA, QuaRot), or else the smallest that is known.
  static func outer(of n: Int) -> (construction: HadamardConstruction, levels: Int)? {
    guard n > 0 else { return nil }
    let levels = n.trailingZeroBitCount
    let odd = n >> levels
    if odd == 1 { return (.sylvester(levels: 0), levels) }
    for k in [172, 156, 140, 108, 60, 52, 36, 28, 40, 20, 12] where n % k == 0 && (n / k).nonzeroBitCount == 1 {
      if let outer = irreducible(k) { return (outer, (n / k).trailingZeroBitCount) }
    }
    for twos in stride(from: 2, through: levels, by: 1) where odd << twos <= largestOuterOrder {
      if let outer = irreducible(odd << twos) { return (outer, levels - twos) }
    }
    return nil
  }

  /// A construction of exactly this order that does not split off a power of two, unless it is 40.
  private static func irreducible(_ n: Int) -> HadamardConstruction? {
    if n == 40 { return .product(.sylvester(levels: 1), .paleyI(q: 19)) }
    let first = n % 4 == 0 ? primePower(n - 1) : nil
    if first?.degree == 1 { return .paleyI(q: n - 1) }
    if n % 4 == 0, WilliamsonRows.rows(of: n / 4) != nil { return .williamson(t: n / 4) }
    if n % 4 == 0, (n / 2 - 1) % 4 == 1, primePower(n / 2 - 1) != nil { return .paleyII(q: n / 2 - 1) }
    if first != nil { return .paleyI(q: n - 1) }
    for a in stride(from: 12, to: n / 12 + 1, by: 4) where n % a == 0 && a * a <= n {
      if a.nonzeroBitCount > 1, (n / a).nonzeroBitCount > 1, let x = irreducible(a), let y = irreducible(n / a) {
        return .product(x, y)
      }
    }
    return nil
  }
}

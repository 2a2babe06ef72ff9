import WalshTensor

extension HadamardTransform {
  /// The fast transform whose matrix is `weight`/√n, nil when there is none.
  ///
  /// Checkpoints in the compressed-tensors convention store the matrix V of an online transform x → x·V/√n with entries
  /// ±1. It is recognised when V = D·(Mᵀ ⊗ S) for some signs D, Sylvester's S of order 2^a and any Hadamard matrix M of
  /// order up to 1024, whichever table M came from. The largest possible a is taken.
  ///
  /// - Parameter weight: the entries ±1, shape `[n, n]`, not normalised.
  /// - Complexity: O(n²) for each a that is tried, and K³ for the matrix M of order K that is found.
  public init?(matching weight: Tensor) {
    guard weight.rank == 2, weight.shape[0] == weight.shape[1], weight.count > 0 else { return nil }
    let n = weight.columns
    let v = weight.withUnsafeBufferPointer { p in p.map { $0 == 1 ? Int8(1) : $0 == -1 ? -1 : 0 } }
    if v.contains(0) { return nil }
    for levels in stride(from: n.trailingZeroBitCount, through: 0, by: -1) {
      let k = n >> levels
      if k > HadamardConstruction.largestOuterOrder { return nil }
      guard k == 1 || k % 4 == 0, HadamardTransform.splits(v, n, levels) else { continue }
      // Row signs are free, so let every row of Mᵀ begin with +1: D is then the first column of V.
      var m = [Int8](repeating: 1, count: k * k)
      for p in 0..<k { for r in 0..<k { m[r * k + p] = v[(p * n + r) << levels] * v[(p * n) << levels] } }
      guard let given = HadamardMatrix(given: m, order: k) else { return nil }
      var signs = (0..<n).map { v[$0 * n] }
      var outer = given
      if let known = try? HadamardMatrix(order: k) {
        for candidate in [known, known.transposed] where candidate.withColumnsBeginningPositive == m {
          outer = candidate
          for i in 0..<n { signs[i] *= candidate[0, i >> levels] }
          break
        }
      }
      let plain = signs.allSatisfy { $0 == 1 }
      self.init(outer: outer, levels: levels, inputSigns: plain ? [] : signs.map(Float.init))
      return
    }
    return nil
  }

  /// True when every 2^levels block of V is a multiple ±1, row by row, of Sylvester's matrix.
  private static func splits(_ v: [Int8], _ n: Int, _ levels: Int) -> Bool {
    let mask = 1 << levels - 1
    for i in 0..<n {
      // The row is s·(row p of Mᵀ) ⊗ (row q of S): after removing S it is constant within each block, and the blocks of
      // all rows with the same p agree up to the sign s.
      let first = (i & ~mask) * n
      for j in 0..<n {
        let sylvester: Int8 = (i & j & mask).nonzeroBitCount % 2 == 0 ? 1 : -1
        let block = j & ~mask
        if v[i * n + j] * sylvester * v[i * n] != v[first + block] * v[first] { return false }
      }
    }
    return true
  }
}

extension HadamardMatrix {
  /// The entries after multiplying columns by signs such that the first row is all +1.
  fileprivate var withColumnsBeginningPositive: [Int8] {
    entries.indices.map { entries[$0] * entries[$0 % order] }
  }
}

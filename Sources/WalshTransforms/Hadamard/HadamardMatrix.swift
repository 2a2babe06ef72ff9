import WalshTensor

/// A square matrix H of entries ±1 whose rows are orthogonal: H·Hᵀ = n·I.
public struct HadamardMatrix: Hashable, Sendable {
  /// n: 1, 2 or a multiple of four.
  public let order: Int
  /// How the matrix was made.
  public let construction: HadamardConstruction
  /// The entries ±1, row-major.
  public let entries: [Int8]

  /// The matrix of order n, by `HadamardConstruction(order:)`.
  ///
  /// - Throws: `HadamardError.unknownOrder`, which names the largest usable block, when no construction is known here.
  /// - Complexity: O(n²).
  public init(order: Int) throws(HadamardError) {
    guard let construction = HadamardConstruction(order: order) else { throw .unknownOrder(order) }
    self.init(construction)
  }

  /// The matrix that `construction` makes.
  ///
  /// - Parameter construction: anything but `given`, whose entries are not known.
  init(_ construction: HadamardConstruction) {
    self.construction = construction
    order = construction.order
    entries = construction.entries
  }

  /// A matrix read from a file, nil unless its rows are orthogonal.
  ///
  /// - Parameter entries: n² numbers ±1, row-major.
  init?(given entries: [Int8], order n: Int) {
    for i in 0..<n {
      for j in 0..<i {
        var product = 0
        for k in 0..<n { product += Int(entries[i * n + k] * entries[j * n + k]) }
        if product != 0 { return nil }
      }
    }
    order = n
    construction = .given(order: n)
    self.entries = entries
  }

  private init(entries: [Int8], construction: HadamardConstruction) {
    self.entries = entries
    self.construction = construction
    order = construction.order
  }

  /// The entry in row i, column j.
  public subscript(i: Int, j: Int) -> Int8 { entries[i * order + j] }

  /// Hᵀ.
  public var transposed: HadamardMatrix {
    var swapped = entries
    for i in 0..<order { for j in 0..<order { swapped[j * order + i] = entries[i * order + j] } }
    if swapped == entries { return self }
    if case .transposed(let original) = construction {
      return HadamardMatrix(entries: swapped, construction: original)
    }
    return HadamardMatrix(entries: swapped, construction: .transposed(construction))
  }

  // MARK: Known orders

  /// True when a matrix of order n can be made here.
  public static func exists(_ order: Int) -> Bool { HadamardConstruction.outer(of: order) != nil }

  /// How the matrix of this order is made, such as "Paley I, q = 19"; nil when it is not known here.
  public static func construction(of order: Int) -> HadamardConstruction? { HadamardConstruction(order: order) }

  /// The largest order of a known matrix that divides n, at least 1.
  ///
  /// - Parameter n: at least 1.
  public static func largestOrder(dividing n: Int) -> Int {
    precondition(n > 0, "Only a positive number has divisors, not \(n).")
    return (1...n).first { n % $0 == 0 && exists(n / $0) }.map { n / $0 } ?? 1
  }
}

extension HadamardConstruction {
  /// The n² entries ±1, row-major.
  fileprivate var entries: [Int8] {
    switch self {
    case .sylvester: table { ($0 & $1).nonzeroBitCount % 2 == 0 ? 1 : -1 }
    case .paleyI(let q): paleyI(QuadraticCharacter(order: q))
    case .paleyII(let q): paleyII(QuadraticCharacter(order: q), half: q + 1)
    case .williamson(let t): williamson(t)
    case .product(let a, let b): product(HadamardMatrix(a), HadamardMatrix(b))
    case .transposed(let a): HadamardMatrix(a).transposed.entries
    case .given: preconditionFailure("The entries of a given matrix are not known.")
    }
  }

  private func table(_ entry: (Int, Int) -> Int8) -> [Int8] {
    let n = order
    return [Int8](unsafeUninitializedCapacity: n * n) { out, count in
      for i in 0..<n { for j in 0..<n { out[i * n + j] = entry(i, j) } }
      count = n * n
    }
  }

  /// First row 1, −1, −1, …; first column 1; then the identity minus the Jacobsthal matrix χ(j − i).
  private func paleyI(_ character: QuadraticCharacter) -> [Int8] {
    table { i, j in
      if j == 0 || i == j { return 1 }
      return i == 0 ? -1 : -character(j - 1, minus: i - 1)
    }
  }

  /// [[C + I, C − I], [C − I, −C − I]] with the symmetric conference matrix C: first row and column 1, then χ(j − i).
  private func paleyII(_ character: QuadraticCharacter, half: Int) -> [Int8] {
    table { i, j in
      let (row, column) = (i % half, j % half)
      if row == column { return i < half && j < half ? 1 : -1 }
      let c: Int8 = row == 0 || column == 0 ? 1 : character(column - 1, minus: row - 1)
      return i >= half && j >= half ? -c : c
    }
  }

  /// [[A, B, C, D], [−B, A, −D, C], [−C, D, A, −B], [−D, −C, B, A]] with circulants of the tabulated first rows.
  private func williamson(_ t: Int) -> [Int8] {
    guard let rows = WilliamsonRows.rows(of: t) else {
      preconditionFailure("There are no Williamson rows of order \(t).")
    }
    let block = [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]
    let sign: [[Int8]] = [[1, 1, 1, 1], [-1, 1, -1, 1], [-1, 1, 1, -1], [-1, -1, 1, 1]]
    return table { i, j in
      sign[i / t][j / t] * rows[block[i / t][j / t]][(j % t - i % t + t) % t]
    }
  }

  private func product(_ a: HadamardMatrix, _ b: HadamardMatrix) -> [Int8] {
    table { i, j in a[i / b.order, j / b.order] * b[i % b.order, j % b.order] }
  }
}

import CKernels
import WalshTensor

/// P = L ⊗ R: a row of n₁·n₂ values seen as an n₁×n₂ matrix M (row-major) becomes Lᵀ·M·R.
///
/// P[(i₁, i₂), (j₁, j₂)] = L[i₁, j₁]·R[i₂, j₂] with index i = i₁·n₂ + i₂. Source: FlatQuant (arXiv 2410.09426), section 3.
public struct KroneckerTransform: LinearTransform {
  /// L, which mixes the rows of M; dimension n₁.
  public let left: any LinearTransform
  /// R, which mixes the columns of M; dimension n₂.
  public let right: any LinearTransform

  public init(left: any LinearTransform, right: any LinearTransform) {
    self.left = left
    self.right = right
  }

  /// The factors (n₁, n₂) of n with n₁ ≤ n₂ that are closest to each other: n₁ is the largest divisor of n up to √n.
  ///
  /// A prime n gives (1, n), for which the Kronecker form saves nothing. The sizes equal those of FlatQuant's search for
  /// two squares with difference n, which does not end when n leaves 2 on division by 4.
  public static func balancedFactors(of n: Int) -> (Int, Int) {
    precondition(n > 0, "Only a positive number has factors, not \(n).")
    var divisor = Int(Double(n).squareRoot())
    while divisor * divisor > n || n % divisor != 0 { divisor -= 1 }
    return (divisor, n / divisor)
  }

  public var dimension: Int { left.dimension * right.dimension }
  public var isOrthogonal: Bool { left.isOrthogonal && right.isOrthogonal }

  public var flopsPerRow: Int {
    right.dimension * left.flopsPerRow + left.dimension * right.flopsPerRow
  }

  /// Dense factors are products of matrices that stay in the first cache, row by row; a left factor of another kind is applied
  /// to transposed rows.
  public func apply(to x: inout Tensor) {
    checkShape(x)
    let (rows, n1, n2) = (x.rowCount, left.dimension, right.dimension)
    if let l = (left as? DenseTransform)?.matrix() {
      let r = (right as? DenseTransform)?.matrix()
      if r == nil { x.withShape([rows * n1, n2]) { right.apply(to: &$0) } }
      return apply(l, r, to: &x)
    }
    x.withShape([rows * n1, n2]) { right.apply(to: &$0) }
    if n1 == 1 { return x.withShape([rows * n2, 1]) { left.apply(to: &$0) } }
    x.transposeMatrices(n1, n2)
    x.withShape([rows * n2, n1]) { left.apply(to: &$0) }
    x.transposeMatrices(n2, n1)
  }

  /// Lᵀ·M·R of every row M; nil leaves R out.
  private func apply(_ l: Tensor, _ r: Tensor?, to x: inout Tensor) {
    let n = dimension
    l.withUnsafeBufferPointer { l in
      r.withPointer { r in
        x.forEachRowChunk { rows, p in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * n) { scratch in
            var factors = walsh_kronecker(
              n1: left.dimension, n2: right.dimension, scale: nil, left: l.baseAddress, right: r,
              right_transposed: nil)
            walsh_kronecker_apply(InstructionSet.best.rawValue, &factors, p, rows.count, scratch.baseAddress, p)
          }
        }
      }
    }
  }

  public var inverse: any LinearTransform { KroneckerTransform(left: left.inverse, right: right.inverse) }
  public var transpose: any LinearTransform { KroneckerTransform(left: left.transpose, right: right.transpose) }
  public var description: String { "(\(left)) ⊗ (\(right))" }
}

extension Tensor? {
  /// Calls `body` with the first value, or nil where there is no tensor.
  fileprivate func withPointer(_ body: (UnsafePointer<Float>?) -> Void) {
    guard let self else { return body(nil) }
    self.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}

extension Tensor {
  /// Transposes every row, seen as an m×n matrix.
  fileprivate mutating func transposeMatrices(_ m: Int, _ n: Int) {
    forEachRowChunk { rows, p in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: m * n) { copy in
        guard let source = copy.baseAddress else { return }
        for r in 0..<rows.count {
          source.initialize(from: p + r * m * n, count: m * n)
          transpose(source, m, n, to: p + r * m * n)
        }
      }
    }
  }
}

/// Writes the transpose of the m×n matrix at `x` to `y`, in blocks of 4×4 as far as they go.
private func transpose(_ x: UnsafePointer<Float>, _ m: Int, _ n: Int, to y: UnsafeMutablePointer<Float>) {
  let (rows, columns) = (m & ~3, n & ~3)
  for i in stride(from: 0, to: rows, by: 4) {
    for j in stride(from: 0, to: columns, by: 4) {
      func row(_ k: Int) -> SIMD4<Float> {
        UnsafeRawPointer(x + (i + k) * n + j).loadUnaligned(as: SIMD4<Float>.self)
      }
      let (a, b, c, d) = (row(0), row(1), row(2), row(3))
      let even = (SIMD4(lowHalf: a.evenHalf, highHalf: b.evenHalf), SIMD4(lowHalf: c.evenHalf, highHalf: d.evenHalf))
      let odd = (SIMD4(lowHalf: a.oddHalf, highHalf: b.oddHalf), SIMD4(lowHalf: c.oddHalf, highHalf: d.oddHalf))
      func store(_ k: Int, _ low: SIMD2<Float>, _ high: SIMD2<Float>) {
        UnsafeMutableRawPointer(y + (j + k) * m + i)
          .storeBytes(of: SIMD4(lowHalf: low, highHalf: high), as: SIMD4<Float>.self)
      }
      store(0, even.0.evenHalf, even.1.evenHalf)
      store(1, odd.0.evenHalf, odd.1.evenHalf)
      store(2, even.0.oddHalf, even.1.oddHalf)
      store(3, odd.0.oddHalf, odd.1.oddHalf)
    }
  }
  for i in 0..<m { for j in (i < rows ? columns : 0)..<n { y[j * m + i] = x[i * n + j] } }
}

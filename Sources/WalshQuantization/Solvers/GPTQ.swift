import WalshFormats
import WalshTensor

/// GPTQ: rounds a weight column by column and lets the columns not yet rounded undo each error.
///
/// Minimises Σ_rows (w − ŵ)·H·(w − ŵ)ᵀ with H = Σ xᵀx over the layer's inputs, greedily in column order. With
/// H⁻¹ = UᵀU, column j leaves the error e = (w_j − ŵ_j)/U_jj, and every later column k takes w_k ← w_k − e·U_jk.
/// Scales are fixed from the weight before the loop, so every group of the format is right whatever its size.
///
/// Source: Frantar et al., arXiv 2210.17323; static scales as in MR-GPTQ.
public struct GPTQ: Sendable, Hashable, CustomStringConvertible {
  /// The share of H's mean diagonal that is added to its diagonal.
  public var damping: Double
  /// Whether columns are rounded in the order of descending H_jj instead of their own.
  public var ordersByActivation: Bool
  /// How scales are chosen.
  public var scales: ScaleSearch
  /// Columns between two updates of everything behind them; changes speed, not results beyond rounding.
  public var blockSize: Int

  public init(
    damping: Double = 0.01, ordersByActivation: Bool = false, scales: ScaleSearch = .minMax, blockSize: Int = 128
  ) {
    self.damping = damping
    self.ordersByActivation = ordersByActivation
    self.scales = scales
    self.blockSize = blockSize
  }

  public var description: String { ordersByActivation ? "GPTQ, by activation" : "GPTQ" }

  /// The upper factor U of the damped inverse, and the order of the columns; shared by all layers of a group.
  public struct Factor: Sendable {
    let upper: Matrix
    let order: [Int]
    let dead: [Int]
  }

  /// Prepares the second moment of a group's inputs.
  ///
  /// Columns that never saw a value other than zero are dead: their weights become zero.
  /// - Parameter gram: Σ xᵀx, symmetric.
  /// - Throws: `LinearAlgebraError` when the damped matrix is not positive definite, which only NaN can cause.
  /// - Complexity: about 2n³ multiply-adds.
  public func factor(of gram: Matrix) throws(LinearAlgebraError) -> Factor {
    var h = gram
    let dead = h.diagonal.indices.filter { h[$0, $0] == 0 }
    for j in dead { h[j, j] = 1 }
    let diagonal = h.diagonal
    let order =
      ordersByActivation
      ? diagonal.indices.sorted { (diagonal[$0], -$0) > (diagonal[$1], -$1) } : Array(diagonal.indices)
    if ordersByActivation {
      var permuted = h
      for (i, a) in order.enumerated() { for (j, b) in order.enumerated() { permuted[i, j] = h[a, b] } }
      h = permuted
    }
    h.addToDiagonal(damping * h.meanDiagonal)
    let upper = try h.inverseOfPositiveDefinite().choleskyUpper()
    return Factor(upper: upper, order: order, dead: dead)
  }

  /// The weight with every value on the grid of `scales`.
  ///
  /// - Parameters:
  ///   - weight: shape `[outputs, inputs]`.
  ///   - factor: of the inputs' second moment.
  ///   - quantizer: rounds single values.
  ///   - scales: the scales of `weight`.
  /// - Returns: values that `quantizer.pack(_:scales:)` stores without a change.
  /// - Complexity: outputs · inputs² / 2 multiply-adds.
  public func solve(
    _ weight: Tensor, factor: Factor, quantizer: Quantizer, scales: BlockScales
  ) -> Tensor {
    let n = weight.columns
    let m = weight.rowCount
    precondition(factor.upper.rows == n, "A weight of \(weight.shape) needs a factor of order \(n).")
    var isDead = [Bool](repeating: false, count: n)
    for j in factor.dead { isDead[j] = true }
    return Tensor(shape: weight.shape) { out in
      weight.withUnsafeBufferPointer { w in
        factor.upper.values.withUnsafeBufferPointer { u in
          // Rows are independent of one another; a panel of them shares the passes over U.
          Parallel.forEachChunk(of: m, size: 16) { rows in
            var panel = [Double](repeating: 0, count: rows.count * n)
            for (i, row) in rows.enumerated() {
              for (j, column) in factor.order.enumerated() {
                panel[i * n + j] = isDead[column] ? 0 : Double(w[row * n + column])
              }
            }
            var errors = [Double](repeating: 0, count: rows.count * blockSize)
            for start in stride(from: 0, to: n, by: blockSize) {
              let end = min(n, start + blockSize)
              for i in rows.indices.map({ $0 - rows.lowerBound }) {
                for j in start..<end {
                  let column = factor.order[j]
                  let row = rows.lowerBound + i
                  let value = panel[i * n + j]
                  let rounded = quantizer.round(Float(value), row: row, column: column, scales: scales)
                  out[row * n + column] = rounded
                  let error = (value - Double(rounded)) / u[j * n + j]
                  errors[i * blockSize + j - start] = error
                  if error == 0 { continue }
                  for k in j + 1..<max(j + 1, end) { panel[i * n + k] -= error * u[j * n + k] }
                }
              }
              guard end < n else { continue }
              panel.withUnsafeMutableBufferPointer { p in
                errors.withUnsafeBufferPointer { e in
                  subtractProduct(
                    rows: rows.count, inner: end - start, columns: n - end, errors: e, errorStride: blockSize,
                    upper: UnsafeBufferPointer(rebasing: u[(start * n + end)...]), upperStride: n,
                    from: UnsafeMutableBufferPointer(rebasing: p[end...]), stride: n)
                }
              }
            }
          }
        }
      }
    }
  }

  /// P ← P − E·U for a panel of rows, in a fixed order.
  private func subtractProduct(
    rows: Int, inner: Int, columns: Int, errors: UnsafeBufferPointer<Double>, errorStride: Int,
    upper: UnsafeBufferPointer<Double>, upperStride: Int, from panel: UnsafeMutableBufferPointer<Double>, stride: Int
  ) {
    for j in 0..<inner {
      for i in 0..<rows {
        let error = errors[i * errorStride + j]
        if error == 0 { continue }
        let line = i * stride
        let source = j * upperStride
        for k in 0..<columns { panel[line + k] -= error * upper[source + k] }
      }
    }
  }
}

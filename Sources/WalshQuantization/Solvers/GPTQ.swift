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
  /// Which inputs H is made of.
  public var inputs: Inputs
  /// Columns between two updates of everything behind them; changes speed, not results beyond rounding.
  public var blockSize: Int

  /// The inputs of a layer that its second moment is taken of.
  public enum Inputs: Sendable, Hashable {
    /// As the quantized model gives them to the layer: rounded, where activations are.
    case quantized
    /// Without the rounding of activations in the layer's block; MR-GPTQ.
    case exact
  }

  public init(
    damping: Double = 0.01, ordersByActivation: Bool = false, scales: ScaleSearch = .minMax,
    inputs: Inputs = .quantized, blockSize: Int = 64
  ) {
    self.damping = damping
    self.ordersByActivation = ordersByActivation
    self.scales = scales
    self.inputs = inputs
    self.blockSize = blockSize
  }

  public var description: String {
    "GPTQ" + (ordersByActivation ? ", by activation" : "") + (inputs == .exact ? ", exact inputs" : "")
  }

  /// The upper factor U of the damped inverse, and the order of the columns; shared by all layers of a group.
  public struct Factor: Sendable {
    let upper: Matrix
    /// The columns in the order in which they are rounded.
    let order: [Int]
    /// The places in `order` of columns whose inputs are always zero.
    let deadPositions: [Int]
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
    // Any positive number does for a column that stands alone; the mean of the others leaves the damping theirs.
    let live = h.diagonal.count - dead.count
    let mean = live > 0 ? h.diagonal.reduce(0, +) / Double(live) : 1
    for j in dead { h[j, j] = mean }
    let diagonal = h.diagonal
    let order =
      ordersByActivation
      ? diagonal.indices.sorted { (diagonal[$0], -$0) > (diagonal[$1], -$1) } : Array(diagonal.indices)
    if ordersByActivation {
      var permuted = h
      for (i, a) in order.enumerated() { for (j, b) in order.enumerated() { permuted[i, j] = h[a, b] } }
      h = permuted
    }
    h.addToDiagonal(damping * mean)
    let upper = try h.inverseOfPositiveDefinite().choleskyUpper()
    let isDead = Set(dead)
    return Factor(upper: upper, order: order, deadPositions: order.indices.filter { isDead.contains(order[$0]) })
  }

  /// The weight with every value on the grid of `scales`.
  ///
  /// - Parameters:
  ///   - weight: shape `[outputs, inputs]`.
  ///   - factor: of the inputs' second moment.
  ///   - quantizer: rounds single values.
  ///   - scales: the scales of `weight`.
  /// - Returns: values that `quantizer.pack(_:scales:)` stores without a change; zero in dead columns. Neither the number
  ///   of threads nor the rows beside it change a row beyond the rounding of Float64 sums.
  /// - Complexity: outputs · inputs² / 2 multiply-adds; a panel of 128 rows in Float64 per thread.
  public func solve(
    _ weight: Tensor, factor: Factor, quantizer: Quantizer, scales: BlockScales
  ) -> Tensor {
    let n = weight.columns
    precondition(factor.upper.rows == n, "A weight of \(weight.shape) needs a factor of order \(n).")
    return Tensor(shape: weight.shape) { out in
      weight.withUnsafeBufferPointer { w in
        // Rows are independent of one another; a panel of them shares the passes over U.
        Parallel.forEachChunk(of: weight.rowCount, size: 128) { rows in
          var panel = GPTQPanel(rows: rows, weight: w, factor: factor)
          for start in stride(from: 0, to: n, by: blockSize) {
            panel.round(start..<min(n, start + blockSize), quantizer: quantizer, scales: scales, into: out)
          }
        }
      }
    }
  }
}

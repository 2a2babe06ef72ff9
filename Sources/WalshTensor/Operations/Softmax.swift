import CKernels
import Foundation

extension Tensor {
  /// exp(x − max) / Σ exp(x − max) along every row, the sum in Float64. A row with NaN or +∞, or of −∞ alone, gives NaN.
  public func softmax() -> Tensor {
    let y = mappingRows { softmaxInPlace($0) }
    return y.recorded(from: self) { _ in
      { g in g * y - y.scalingRows(by: g.rowSums(times: y)) }
    }
  }

  /// x − log Σ exp(x) along every row, with the sum in Float64.
  public func logSoftmax() -> Tensor {
    let y = mappingRows { row in
      let shift = logSumExp(UnsafeBufferPointer(row))
      for j in row.indices { row[j] = Float(Double(row[j]) - shift) }
    }
    return y.recorded(from: self) { _ in { g in g - y.exp().scalingRows(by: g.rowSums()) } }
  }

  /// A copy whose rows along the last axis `body` has changed.
  private func mappingRows(_ body: (UnsafeMutableBufferPointer<Float>) -> Void) -> Tensor {
    var result = detached()
    let n = columns
    guard n > 0 else { return result }
    result.withUnsafeMutableBufferPointer { x in
      Parallel.forEachChunk(ofRows: x.count / n, columns: n) { rows in
        for r in rows { body(UnsafeMutableBufferPointer(rebasing: x[r * n..<(r + 1) * n])) }
      }
    }
    return result
  }

  /// −log softmax(row)[target] of every row, in Float64: the loss of predicting `targets`.
  ///
  /// - Parameter targets: one column index per row.
  public func negativeLogLikelihood(of targets: [Int]) -> [Double] {
    precondition(targets.count == rowCount, "\(targets.count) targets for \(rowCount) rows of logits.")
    let n = columns
    var losses = [Double](repeating: 0, count: rowCount)
    withUnsafeBufferPointer { x in
      losses.withUnsafeMutableBufferPointer { out in
        Parallel.forEachChunk(of: targets.count, size: 16) { rows in
          for r in rows {
            precondition(targets[r] >= 0 && targets[r] < n, "Target \(targets[r]) is outside \(n) logits.")
            let row = UnsafeBufferPointer(rebasing: x[r * n..<(r + 1) * n])
            out[r] = logSumExp(row) - Double(row[targets[r]])
          }
        }
      }
    }
    return losses
  }
}

/// log Σ exp(x), summed in Float64 around the maximum; NaN where `softmax()` is NaN.
func logSumExp(_ x: UnsafeBufferPointer<Float>) -> Double {
  let top = largest(x)
  let total = withUnsafeTemporaryAllocation(of: Float.self, capacity: x.count) { copy in
    _ = copy.initialize(from: x)
    return walsh_exp_shifted(InstructionSet.best.rawValue, copy.baseAddress, top, copy.count)
  }
  return Double(top) + log(total)
}

/// Replaces x by its softmax.
func softmaxInPlace(_ x: UnsafeMutableBufferPointer<Float>) {
  let top = largest(UnsafeBufferPointer(x))
  let scale = Float(1 / walsh_exp_shifted(InstructionSet.best.rawValue, x.baseAddress, top, x.count))
  for i in x.indices { x[i] *= scale }
}

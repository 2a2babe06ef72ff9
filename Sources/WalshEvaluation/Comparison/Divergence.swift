import Foundation
import WalshModels
import WalshTensor

/// How a model's predictions differ from its base's on the same windows.
public struct Divergence: Sendable, Hashable {
  /// KL(base ‖ model) = Σ p_base · (log p_base − log p_model) in nats, averaged over scored tokens.
  public let kl: ClusteredMean
  /// The divergence that 99.9 % of the scored tokens stay below: the rare, bad ones.
  public let kl999: Double
  /// The share of scored tokens where both models find the same token most likely.
  public let top1Agreement: ClusteredMean
  /// The model's loss minus the base's, token by token: its interval is far narrower than those of the losses.
  public let lossDifference: ClusteredMean

  public init(kl: ClusteredMean, kl999: Double, top1Agreement: ClusteredMean, lossDifference: ClusteredMean) {
    self.kl = kl
    self.kl999 = kl999
    self.top1Agreement = top1Agreement
    self.lossDifference = lossDifference
  }
}

/// What the scored positions of a window contribute, one value for each.
struct PositionScores {
  /// The model's losses.
  let losses: [Double]
  /// KL(base ‖ model).
  let divergences: [Double]
  /// 1 where both find the same token most likely, else 0.
  let agreements: [Double]

  /// - Parameters:
  ///   - base: logits, a row for each target.
  ///   - model: logits of the same shape.
  ///   - targets: the tokens that followed.
  init(base: Tensor, model: Tensor, targets: [Int]) {
    precondition(base.shape == model.shape, "Logits \(base.shape) and \(model.shape) are of different models.")
    losses = model.negativeLogLikelihood(of: targets)
    agreements = zip(base.argMax, model.argMax).map { $0 == $1 ? 1 : 0 }
    divergences = rowDivergences(base, model)
  }
}

/// KL(softmax(p) ‖ softmax(q)) of every pair of rows, in Float64. 0 exactly for equal rows; rounding may make nearly equal
/// rows negative by 1e-16. Infinite where q excludes what p allows.
func rowDivergences(_ p: Tensor, _ q: Tensor) -> [Double] {
  let width = p.columns
  var result = [Double](repeating: 0, count: p.rowCount)
  p.withUnsafeBufferPointer { p in
    q.withUnsafeBufferPointer { q in
      result.withUnsafeMutableBufferPointer { out in
        Parallel.forEachChunk(of: out.count, size: 16) { rows in
          for row in rows {
            let range = row * width..<(row + 1) * width
            out[row] = divergence(
              UnsafeBufferPointer(rebasing: p[range]), UnsafeBufferPointer(rebasing: q[range]))
          }
        }
      }
    }
  }
  return result
}

private func divergence(_ p: UnsafeBufferPointer<Float>, _ q: UnsafeBufferPointer<Float>) -> Double {
  let logSumP = logSumExp(p)
  let logSumQ = logSumExp(q)
  var sum = 0.0
  for i in p.indices {
    let logP = Double(p[i]) - logSumP
    let probability = exp(logP)
    // Where p is 0 the term is 0, though its logarithm may be infinite.
    if probability == 0 { continue }
    sum += probability * (logP - (Double(q[i]) - logSumQ))
  }
  return sum
}

/// log Σ exp(x) in Float64 around the maximum.
private func logSumExp(_ x: UnsafeBufferPointer<Float>) -> Double {
  let top = Double(x.max() ?? 0)
  return top + log(x.reduce(0) { $0 + exp(Double($1) - top) })
}

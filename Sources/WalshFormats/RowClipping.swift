import CKernels
import WalshTensor

extension Tensor {
  /// Every row clamped to learned parts of its extremes: [σ(l_i)·min(0, min x_i), σ(u_i)·max(0, max x_i)].
  ///
  /// FlatQuant's clipping of weights. Differentiable by the values and the logits: what lies outside passes its gradient to
  /// the bound, and the bound to its logit, ∂/∂l = G·min·σ(1 − σ), and to the first element that sets the extreme, G·σ.
  /// Source: arXiv 2410.09426; its code clamps the same.
  ///
  /// - Parameters:
  ///   - lower: l, a logit for each row.
  ///   - upper: u, a logit for each row.
  public func clippingRows(lower: Tensor, upper: Tensor) -> Tensor {
    precondition(
      lower.count == rowCount && upper.count == rowCount,
      "Rows of \(shape) need as many clip logits, not \(lower.count) and \(upper.count).")
    let ratios = (lower.detached().sigmoid(), upper.detached().sigmoid())
    return detached().clippingRows(ratios: ratios).recorded(from: [self, lower, upper]) { inputs in
      { gradient, _ in
        let found = inputs[0].rowClippingGradients(ratios: ratios, gradient: gradient)
        return [found.input, found.lower.reshaped(to: inputs[1].shape), found.upper.reshaped(to: inputs[2].shape)]
      }
    }
  }

  /// `clippingRows(lower:upper:)` by ratios in place of logits; without a gradient.
  public func clippingRows(ratios: (lower: Tensor, upper: Tensor)) -> Tensor {
    Tensor(shape: shape) { out in
      forEachRange(ratios) { row, x, bounds in
        guard let out = out.baseAddress else { return }
        walsh_clip(InstructionSet.best.rawValue, x, columns, bounds.low, bounds.high, out + row * columns)
      }
    }
  }

  private func rowClippingGradients(
    ratios: (lower: Tensor, upper: Tensor), gradient: Tensor
  ) -> (input: Tensor, lower: Tensor, upper: Tensor) {
    let isa = InstructionSet.best.rawValue
    var lower = Tensor.zeros([rowCount])
    var upper = lower
    let input = Tensor(shape: shape) { out in
      gradient.withUnsafeBufferPointer { g in
        lower.withUnsafeMutableBufferPointer { lower in
          upper.withUnsafeMutableBufferPointer { upper in
            forEachRange(ratios) { row, x, bounds in
              guard let dx = out.baseAddress.map({ $0 + row * columns }), let g = g.baseAddress else { return }
              var sums = (0.0, 0.0)
              withUnsafeMutableBytes(of: &sums) { sums in
                walsh_clip_gradient(
                  isa, x, g + row * columns, columns, bounds.low, bounds.high, dx,
                  sums.baseAddress?.assumingMemoryBound(to: Double.self))
              }
              let (low, high) = (Double(bounds.lowRatio), Double(bounds.highRatio))
              lower[row] = Float(sums.0 * Double(bounds.lowest) * low * (1 - low))
              upper[row] = Float(sums.1 * Double(bounds.highest) * high * (1 - high))
              // Elements below the bound exist only where the smallest is negative; alike above.
              if sums.0 != 0 { dx[walsh_first_index(isa, x, columns, bounds.lowest)] += Float(sums.0 * low) }
              if sums.1 != 0 { dx[walsh_first_index(isa, x, columns, bounds.highest)] += Float(sums.1 * high) }
            }
          }
        }
      }
    }
    return (input, lower, upper)
  }

  /// The extremes of a row, zero included, and what remains of them.
  private struct Bounds {
    let lowest, highest, lowRatio, highRatio: Float
    var low: Float { lowest * lowRatio }
    var high: Float { highest * highRatio }
  }

  /// Calls `body`, on several threads, with every row and its bounds.
  private func forEachRange(
    _ ratios: (lower: Tensor, upper: Tensor), _ body: (_ row: Int, _ x: UnsafePointer<Float>, Bounds) -> Void
  ) {
    let n = columns
    withUnsafeBufferPointer { x in
      ratios.lower.withUnsafeBufferPointer { lower in
        ratios.upper.withUnsafeBufferPointer { upper in
          guard let x = x.baseAddress else { return }
          Parallel.forEachChunk(ofRows: rowCount, columns: n) { rows in
            for row in rows {
              var ends: (Float, Float) = (0, 0)
              walsh_range(InstructionSet.best.rawValue, x + row * n, n, &ends.0, &ends.1)
              body(
                row, x + row * n,
                Bounds(lowest: ends.0, highest: ends.1, lowRatio: lower[row], highRatio: upper[row]))
            }
          }
        }
      }
    }
  }
}

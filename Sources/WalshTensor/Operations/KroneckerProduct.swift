import CKernels

extension Tensor {
  /// Every row (x ⊙ s)·(L ⊗ R): seen as an n₁×n₂ matrix M, row-major, it becomes Lᵀ·M·R.
  ///
  /// Differentiable by all four: with G the gradient of a row as a matrix, ∂M = L·G·Rᵀ, ∂L = Σ (M·R)·Gᵀ, ∂R = Σ Mᵀ·(L·G).
  /// Source: FlatQuant (arXiv 2410.09426), section 3.
  ///
  /// - Parameters:
  ///   - scale: s, `columns` values; nil for ones.
  ///   - left: L, shape `[n₁, n₁]`.
  ///   - right: R, shape `[n₂, n₂]` with n₁·n₂ = `columns`; nil for the identity.
  /// - Complexity: n₁·n₂·(n₁ + n₂) multiply-adds a row, three times that for all gradients; 4·n₁·n₂ numbers of scratch per
  ///   thread.
  public func kroneckerProduct(scale: Tensor? = nil, left: Tensor, right: Tensor? = nil) -> Tensor {
    let n1 = left.columns
    let n2 = columns / max(1, n1)
    precondition(
      left.shape == [n1, n1] && n1 * n2 == columns && right.map { $0.shape == [n2, n2] } ?? true
        && scale.map { $0.count == columns } ?? true,
      "Rows of \(shape) take no Kronecker product of \(left.shape) and \(right?.shape ?? [n2, n2]).")
    let plain = KroneckerOperands(
      scale: scale?.detached(), left: left.detached(), right: right?.detached(), n1: n1, n2: n2)
    let product = plain.product(detached())
    let optional = [scale, right].map { $0?.isTracked ?? false }
    guard isTracked || left.isTracked || optional.contains(true) else { return product }
    return product.recorded(from: [self, left] + [scale, right].compactMap(\.self)) { inputs in
      { gradient, isWanted in
        var rest = isWanted.dropFirst(2)
        let wantsScale = plain.scale != nil && rest.popFirst() ?? false
        let wantsRight = plain.right != nil && rest.popFirst() ?? false
        let found = plain.gradients(
          of: inputs[0], gradient, input: isWanted[0], scale: wantsScale, left: isWanted[1], right: wantsRight)
        var results = [found.input, found.left]
        if plain.scale != nil { results.append(found.scale?.reshaped(to: inputs[2].shape)) }
        if plain.right != nil { results.append(found.right) }
        return results
      }
    }
  }
}

/// What rows are multiplied by, all plain numbers.
private struct KroneckerOperands {
  let scale: Tensor?
  let left: Tensor
  let right: Tensor?
  let n1: Int
  let n2: Int

  /// The rows that a thread takes at a time; sums over rows are formed for each chunk and added in order.
  private var chunkRows: Int { 1 + (1 << 15) / max(1, n1 * n2) }

  func product(_ x: Tensor) -> Tensor {
    let n = n1 * n2
    let rows = n == 0 ? 0 : x.count / n
    return Tensor(shape: x.shape) { y in
      withKernel { operands in
        x.withUnsafeBufferPointer { x in
          guard let x = x.baseAddress, let y = y.baseAddress else { return }
          Parallel.forEachChunk(of: rows, size: chunkRows) { range in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * n) { scratch in
              var operands = operands
              walsh_kronecker_apply(
                InstructionSet.best.rawValue, &operands, x + range.lowerBound * n, range.count, scratch.baseAddress,
                y + range.lowerBound * n)
            }
          }
        }
      }
    }
  }

  /// The gradients that are asked for, of the rows `x` and of the operands.
  func gradients(
    of x: Tensor, _ gradient: Tensor, input: Bool, scale wantsScale: Bool, left wantsLeft: Bool,
    right wantsRight: Bool
  ) -> (input: Tensor?, scale: Tensor?, left: Tensor?, right: Tensor?) {
    let n = n1 * n2
    let rows = n == 0 ? 0 : x.count / n
    let chunks = (rows + chunkRows - 1) / chunkRows
    func parts(_ isWanted: Bool, _ size: Int) -> Tensor { .zeros([isWanted ? chunks : 0, size]) }
    var scaleParts = parts(wantsScale, n)
    var leftParts = parts(wantsLeft, n1 * n1)
    var rightParts = parts(wantsRight, n2 * n2)
    let inputGradient = Tensor(shape: input ? x.shape : [0]) { dx in
      withKernel { operands in
        x.withUnsafeBufferPointer { x in
          gradient.withUnsafeBufferPointer { g in
            scaleParts.withUnsafeMutableBufferPointer { ds in
              leftParts.withUnsafeMutableBufferPointer { dl in
                rightParts.withUnsafeMutableBufferPointer { dr in
                  guard let x = x.baseAddress, let g = g.baseAddress else { return }
                  Parallel.forEachChunk(of: rows, size: chunkRows) { range in
                    let chunk = range.lowerBound / chunkRows
                    func part(
                      _ isWanted: Bool, _ p: UnsafeMutableBufferPointer<Float>, _ size: Int
                    ) -> UnsafeMutablePointer<Float>? { isWanted ? p.baseAddress.map { $0 + chunk * size } : nil }
                    var sums = walsh_kronecker_sums(
                      scale: part(wantsScale, ds, n), left: part(wantsLeft, dl, n1 * n1),
                      right: part(wantsRight, dr, n2 * n2))
                    var operands = operands
                    withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * n) { scratch in
                      walsh_kronecker_gradients(
                        InstructionSet.best.rawValue, &operands, x + range.lowerBound * n, g + range.lowerBound * n,
                        range.count, scratch.baseAddress,
                        input ? dx.baseAddress.map { $0 + range.lowerBound * n } : nil, &sums)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    return (
      input ? inputGradient : nil, wantsScale ? scaleParts.columnSums() : nil,
      wantsLeft ? leftParts.columnSums().reshaped(to: [n1, n1]) : nil,
      wantsRight ? rightParts.columnSums().reshaped(to: [n2, n2]) : nil
    )
  }

  /// Calls `body` with the operands as kernels take them.
  private func withKernel(_ body: (walsh_kronecker) -> Void) {
    let turned = right?.transposed()
    scale.withPointer { scale in
      right.withPointer { right in
        turned.withPointer { turned in
          left.withUnsafeBufferPointer { left in
            body(
              walsh_kronecker(
                n1: n1, n2: n2, scale: scale, left: left.baseAddress, right: right, right_transposed: turned))
          }
        }
      }
    }
  }
}

extension Tensor? {
  /// Calls `body` with the first value, or nil where there is no tensor.
  fileprivate func withPointer(_ body: (UnsafePointer<Float>?) -> Void) {
    guard let self else { return body(nil) }
    self.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}

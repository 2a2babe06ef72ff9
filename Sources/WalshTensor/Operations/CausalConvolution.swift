import CKernels

extension Tensor {
  /// The causal depthwise convolution of every channel along the tokens, y[t] = b + Σ_k w[k] ⊙ x[t − K + 1 + k]: the last tap
  /// meets the token itself, as in torch's cross-correlation.
  ///
  /// This tensor has the shape `[tokens, channels]`, or `[texts, tokens, channels]` with zeros before each text. The bits do
  /// not depend on the instruction set. Costs tokens · channels · K multiply-adds. Source: Gu and Dao 2023.
  ///
  /// - Parameters:
  ///   - weight: w, shape `[K, channels]`.
  ///   - bias: b, `channels` values; nil for none.
  ///   - past: the K − 1 rows before the first token, shape `[K − 1, channels]`; nil for zeros. With a past, nothing may be
  ///     tracked and there is one text.
  public func causalConvolution(weight: Tensor, bias: Tensor?, past: Tensor? = nil) -> Tensor {
    let texts = TextShape(of: self)
    let taps = weight.rowCount
    precondition(
      weight.rank == 2 && weight.columns == texts.channels && taps > 0 && bias.map { $0.count == columns } ?? true,
      "Taps of shape \(weight.shape) and biases of shape \(bias?.shape ?? []) do not fit tokens of shape \(shape).")
    precondition(
      past.map { $0.shape == [taps - 1, columns] && rank == 2 && !isTracked && !weight.isTracked } ?? true,
      "A past of \(past?.shape ?? []) does not continue plain tokens of shape \(shape) for \(taps) taps.")
    let result = Tensor(shape: shape) { y in
      Tensor.withPointers(self, weight, bias ?? self, past ?? self) { x, w, b, before in
        guard let y = y.baseAddress else { return }
        texts.forEachChunk { _, text, tokens in
          walsh_causal_convolution(
            InstructionSet.best.rawValue, x + text, past == nil ? nil : before, w, bias == nil ? nil : b, y + text,
            texts.channels, taps, tokens.lowerBound, tokens.count)
        }
      }
    }
    return result.recorded(from: [self, weight] + (bias.map { [$0] } ?? [])) { inputs in
      { gradient, isWanted in
        inputs[0].convolutionGradients(weight: inputs[1], gradient: gradient, isWanted: isWanted)
      }
    }
  }

  /// ∂x[t] = Σ_k w[K − 1 − k] ⊙ g[t + k]; ∂w[k] = Σ_t g[t] ⊙ x[t − K + 1 + k]; ∂b = Σ_t g[t].
  private func convolutionGradients(weight: Tensor, gradient: Tensor, isWanted: [Bool]) -> [Tensor?] {
    let texts = TextShape(of: self)
    let taps = weight.rowCount
    let isa = InstructionSet.best.rawValue
    // Every chunk of tokens has sums of its own, added in order at the end: K rows of taps, then one of biases.
    var sums = Tensor.zeros([texts.chunkCount, (taps + 1) * texts.channels])
    let width = sums.columns
    let inputGradient = sums.withUnsafeMutableBufferPointer { sums in
      Tensor(shape: shape) { out in
        Tensor.withPointers(self, weight, gradient, gradient) { x, w, g, _ in
          guard let sums = sums.baseAddress, let out = out.baseAddress else { return }
          texts.forEachChunk { chunk, text, tokens in
            if isWanted[0] {
              walsh_causal_convolution_input_gradient(
                isa, g + text, w, out + text, texts.tokens, texts.channels, taps, tokens.lowerBound, tokens.count)
            }
            let part = sums + chunk * width
            walsh_causal_convolution_weight_gradient(
              isa, x + text, g + text, part, part + taps * texts.channels, texts.channels, taps, tokens.lowerBound,
              tokens.count)
          }
        }
      }
    }
    let totals = sums.columnSums().reshaped(to: [taps + 1, texts.channels])
    let all = [isWanted[0] ? inputGradient : nil, totals.rows(0..<taps), totals.row(taps)]
    return Array(all.prefix(isWanted.count))
  }
}

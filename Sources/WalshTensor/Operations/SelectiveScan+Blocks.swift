import CKernels

/// The associative form of the scan, for texts of few channels on many cores.
extension SelectiveScan {
  /// Scans one text that goes on from `state`, blocks of tokens in parallel: the result of `callAsFunction(_:steps:b:c:state:)`
  /// but for rounding.
  ///
  /// Steps (a, b) and (a′, b′) of the recurrence compose to (a·a′, a′·b + b′). A first pass finds each block's composed step
  /// from a state of zero, where the factors' product is exp(A·Σ Δ); the states between blocks follow one from another; a
  /// second pass scans the blocks from there. That is nearly twice the work: worth it where cores are more than twice as
  /// many as strips of 64 channels.
  ///
  /// - Parameters:
  ///   - blockTokens: the tokens of a block, at least 1.
  ///   - state: the state before the first token, shape `[states, channels]`, which becomes that behind the last.
  /// - Precondition: nothing is tracked.
  public func inBlocks(
    of blockTokens: Int, _ x: Tensor, steps: Tensor, b: Tensor, c: Tensor, state: inout Tensor
  ) -> Tensor {
    precondition(blockTokens > 0, "A block has at least one token.")
    checkPlain([x, steps, b, c], state)
    let tokens = checked(x, steps, b, c).tokens
    let blocks = (tokens + blockTokens - 1) / blockTokens
    guard blocks > 1 else { return self(x, steps: steps, b: b, c: c, state: &state) }
    func range(_ block: Int) -> Range<Int> { block * blockTokens..<min(tokens, (block + 1) * blockTokens) }

    var states = Tensor.zeros([blocks, self.states, channels])
    scan(x, steps, b, c, range, states: &states, y: nil)
    for block in 0..<blocks {
      let total = steps.rows(range(block)).columnSums()
      let factors = decay.scalingColumns(by: total).exp()
      // From what the block adds to the state before it.
      let added = states.row(block)
      states.replaceRow(block, with: state)
      state = state * factors + added
    }
    return Tensor(shape: x.shape) { y in scan(x, steps, b, c, range, states: &states, y: y.baseAddress) }
  }

  /// Scans each block from its state in `states`, shape `[blocks, states, channels]`, which becomes the one behind it.
  private func scan(
    _ x: Tensor, _ steps: Tensor, _ b: Tensor, _ c: Tensor, _ range: (Int) -> Range<Int>, states: inout Tensor,
    y: UnsafeMutablePointer<Float>?
  ) {
    let blocks = states.shape[0]
    let strips = (channels + Self.strip - 1) / Self.strip
    states.withUnsafeMutableBufferPointer { states in
      guard let states = states.baseAddress else { return }
      withOperands(x, steps, b, c) { scan in
        Parallel.forEach(blocks * strips) { i in
          let tokens = range(i / strips)
          let first = i % strips * Self.strip
          var own = scan
          own.tokens = tokens.count
          own.x += tokens.lowerBound * channels
          own.steps += tokens.lowerBound * channels
          own.b += tokens.lowerBound * self.states
          own.c += tokens.lowerBound * self.states
          walsh_selective_scan(
            InstructionSet.best.rawValue, &own, first, min(Self.strip, channels - first),
            states + i / strips * self.states * channels, y.map { $0 + tokens.lowerBound * channels }, nil, 0)
        }
      }
    }
  }
}

extension Tensor {
  /// Writes the values of `row` over entry `i` of the first axis.
  fileprivate mutating func replaceRow(_ i: Int, with row: Tensor) {
    withUnsafeMutableBufferPointer { out in
      row.withUnsafeBufferPointer { for (j, value) in $0.enumerated() { out[i * row.count + j] = value } }
    }
  }
}

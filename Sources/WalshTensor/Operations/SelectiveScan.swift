import CKernels

/// The selective scan of Mamba: per channel a linear recurrence whose step sizes, input and output weights depend on the token.
///
///     s[t,n] = exp(Δ[t]·A[n])·s[t−1,n] + Δ[t]·B[t,n]·x[t]        (zero-order hold for A, Euler for B)
///     y[t]   = Σ_n C[t,n]·s[t,n] + D·x[t]
///
/// The state before a text is zero. Tokens come one after the other, channels in parallel; the bits depend neither on
/// threads nor on the instruction set. Costs tokens · channels · states exponentials and three multiply-adds each.
///
/// Source: Gu and Dao, arXiv 2312.00752.
public struct SelectiveScan: Sendable {
  /// A, shape `[states, channels]`: the checkpoint's −exp(A_log), transposed.
  public let decay: Tensor
  /// D, `channels` values.
  public let skip: Tensor

  /// The number of states of a channel.
  public var states: Int { decay.rowCount }
  /// The number of channels.
  public var channels: Int { decay.columns }

  /// The most states of a channel: the backward pass keeps those of some tokens on a thread's stack.
  public static let mostStates = 256

  public init(decay: Tensor, skip: Tensor) {
    precondition(
      decay.rank == 2 && (1...Self.mostStates).contains(decay.rowCount) && skip.count == decay.columns,
      "A of shape \(decay.shape) and D of shape \(skip.shape) are no scan.")
    self.decay = decay
    self.skip = skip
  }

  /// Scans texts from their beginning; differentiable by all that goes in.
  ///
  /// The backward pass keeps the states between intervals of 32 tokens and computes the others again.
  ///
  /// - Parameters:
  ///   - x: shape `[tokens, channels]` or `[texts, tokens, channels]`.
  ///   - steps: Δ, the shape of `x`.
  ///   - b: B, shape `[tokens, states]` or `[texts, tokens, states]`.
  ///   - c: C, the shape of `b`.
  /// - Returns: y, the shape of `x`.
  public func callAsFunction(_ x: Tensor, steps: Tensor, b: Tensor, c: Tensor) -> Tensor {
    let inputs = [x, steps, b, c, decay, skip]
    var state = Tensor.zeros([TextShape(of: x).texts, states, channels])
    var boundaries = inputs.contains(where: \.isTracked) ? emptyBoundaries(for: x) : nil
    let y = scanned(x, steps, b, c, state: &state, boundaries: &boundaries)
    return y.recorded(from: inputs, operation: "SelectiveScan") { inputs in
      let plain = SelectiveScan(decay: inputs[4], skip: inputs[5])
      let kept = boundaries ?? .zeros([0])
      return { gradient, _ in
        plain.gradients(inputs[0], inputs[1], inputs[2], inputs[3], boundaries: kept, gradient: gradient)
      }
    }
  }

  /// Scans one text that goes on from `state`, shape `[states, channels]`, which becomes the state behind its last token.
  ///
  /// - Precondition: nothing is tracked: a state keeps plain numbers.
  public func callAsFunction(_ x: Tensor, steps: Tensor, b: Tensor, c: Tensor, state: inout Tensor) -> Tensor {
    checkPlain([x, steps, b, c], state)
    var none: Tensor?
    return scanned(x, steps, b, c, state: &state, boundaries: &none)
  }

  func checkPlain(_ inputs: [Tensor], _ state: Tensor) {
    precondition(
      !(inputs + [decay, skip]).contains(where: \.isTracked),
      "A scan that goes on from a state has no gradient; scan the text from its beginning to differentiate it.")
    precondition(
      inputs[0].rank == 2 && state.shape == [states, channels],
      "A state of shape \(state.shape) does not fit one text of shape \(inputs[0].shape) and \(states) states.")
  }

  // MARK: Forwards

  /// Tokens between two states that the backward pass begins from.
  private static let interval = 32
  /// Channels that a thread takes at a time.
  static let strip = 64

  private func emptyBoundaries(for x: Tensor) -> Tensor {
    let texts = TextShape(of: x)
    return .zeros([texts.texts, (texts.tokens + Self.interval - 1) / Self.interval, states, channels])
  }

  private func scanned(
    _ x: Tensor, _ steps: Tensor, _ b: Tensor, _ c: Tensor, state: inout Tensor, boundaries: inout Tensor?
  ) -> Tensor {
    let texts = checked(x, steps, b, c)
    let perText = (boundaries?.count ?? 0) / max(1, texts.texts)
    var kept = boundaries ?? .zeros([0])
    let keepsBoundaries = boundaries != nil
    boundaries = nil
    let y = Tensor(shape: x.shape) { y in
      state.withUnsafeMutableBufferPointer { state in
        kept.withUnsafeMutableBufferPointer { kept in
          withStrips(x, steps, b, c) { scan, text, channels in
            guard let state = state.baseAddress, let y = y.baseAddress else { return }
            walsh_selective_scan(
              InstructionSet.best.rawValue, scan, channels.lowerBound, channels.count,
              state + text * states * self.channels, y + text * texts.tokens * texts.channels,
              keepsBoundaries ? kept.baseAddress.map { $0 + text * perText } : nil, Self.interval)
          }
        }
      }
    }
    if keepsBoundaries { boundaries = kept }
    return y
  }

  func checked(_ x: Tensor, _ steps: Tensor, _ b: Tensor, _ c: Tensor) -> TextShape {
    precondition(
      x.columns == channels && steps.shape == x.shape && b.shape == x.shape.dropLast() + [states]
        && c.shape == b.shape,
      "Tokens of \(x.shape), steps of \(steps.shape), B of \(b.shape) and C of \(c.shape) do not fit \(states) states of \(channels) channels."
    )
    return TextShape(of: x)
  }

  /// Calls `body`, on several threads, with the operands of each text and a strip of its channels.
  private func withStrips(
    _ x: Tensor, _ steps: Tensor, _ b: Tensor, _ c: Tensor,
    _ body: (_ scan: UnsafePointer<walsh_scan>, _ text: Int, _ channels: Range<Int>) -> Void
  ) {
    let texts = TextShape(of: x)
    let strips = (channels + Self.strip - 1) / Self.strip
    // About 50 µs of exponentials.
    let grain = 1 + (1 << 16) / max(1, texts.tokens * Self.strip * states)
    withOperands(x, steps, b, c) { scan in
      Parallel.forEach(texts.texts * strips, grain: grain) { i in
        let text = i / strips
        let first = i % strips * Self.strip
        var own = scan
        own.x += text * texts.tokens * channels
        own.steps += text * texts.tokens * channels
        own.b += text * texts.tokens * states
        own.c += text * texts.tokens * states
        body(&own, text, first..<min(channels, first + Self.strip))
      }
    }
  }

  /// Calls `body` with the operands of the first text.
  func withOperands(
    _ x: Tensor, _ steps: Tensor, _ b: Tensor, _ c: Tensor, _ body: (walsh_scan) -> Void
  ) {
    let tokens = TextShape(of: x).tokens
    Tensor.withPointers(x, steps, b, c) { x, steps, b, c in
      Tensor.withPointers(decay, skip, decay, skip) { decay, skip, _, _ in
        body(
          walsh_scan(
            x: x, steps: steps, decay: decay, b: b, c: c, skip: skip, tokens: tokens, channels: channels,
            states: states))
      }
    }
  }

  // MARK: Backwards

  /// With λ[t] = g[t]·C[t] + exp(Δ[t+1]·A)·λ[t+1] the gradient of the state, and q[t] = λ[t]·exp(Δ[t]·A)·s[t−1]:
  /// ∂x = D·g + Δ·Σ_n λ·B; ∂Δ = x·Σ_n λ·B + Σ_n q·A; ∂B = Σ_e λ·Δ·x; ∂C = Σ_e g·s; ∂A = Σ_t q·Δ; ∂D = Σ_t g·x.
  private func gradients(
    _ x: Tensor, _ steps: Tensor, _ b: Tensor, _ c: Tensor, boundaries: Tensor, gradient: Tensor
  ) -> [Tensor?] {
    let texts = TextShape(of: x)
    let strips = (channels + Self.strip - 1) / Self.strip
    // Strips have sums over their channels, texts sums over their tokens; both are added in order at the end.
    var (ofB, ofC) = (Tensor.zeros([strips, b.count]), Tensor.zeros([strips, c.count]))
    var (ofDecay, ofSkip) = (Tensor.zeros([texts.texts, decay.count]), Tensor.zeros([texts.texts, channels]))
    var (ofX, ofSteps) = (Tensor.zeros(x.shape), Tensor.zeros(x.shape))
    let perText = boundaries.count / max(1, texts.texts)
    ofX.withWritable(&ofSteps) { ofX, ofSteps in
      ofB.withWritable(&ofC) { ofB, ofC in
        ofDecay.withWritable(&ofSkip) { ofDecay, ofSkip in
          Tensor.withPointers(boundaries, gradient, gradient, gradient) { boundaries, g, _, _ in
            withStrips(x, steps, b, c) { scan, text, range in
              let tokens = text * texts.tokens
              let sums = range.lowerBound / Self.strip * b.count + tokens * states
              var own = walsh_scan_gradients(
                x: ofX + tokens * channels, steps: ofSteps + tokens * channels, decay: ofDecay + text * decay.count,
                b: ofB + sums, c: ofC + sums, skip: ofSkip + text * channels)
              walsh_selective_scan_gradients(
                InstructionSet.best.rawValue, scan, range.lowerBound, range.count, boundaries + text * perText,
                Self.interval, g + tokens * channels, &own)
            }
          }
        }
      }
    }
    return [
      ofX, ofSteps, ofB.columnSums().reshaped(to: b.shape), ofC.columnSums().reshaped(to: c.shape),
      ofDecay.columnSums().reshaped(to: decay.shape), ofSkip.columnSums().reshaped(to: skip.shape),
    ]
  }
}

extension Tensor {
  /// Calls `body` with the first value of this tensor and of another for writing, unless one is empty.
  fileprivate mutating func withWritable(
    _ other: inout Tensor, _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    withUnsafeMutableBufferPointer { a in
      other.withUnsafeMutableBufferPointer { b in
        guard let a = a.baseAddress, let b = b.baseAddress else { return }
        body(a, b)
      }
    }
  }
}

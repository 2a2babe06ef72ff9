import WalshCheckpoints
import WalshTensor

/// A Mamba-1 decoder block: a gated selective scan behind an RMS norm.
///
///     [u | z] = W_in·RMSNorm(x)
///     v = SiLU(conv(u))                        causal, depthwise
///     [τ | B | C] = W_x·v
///     Δ = softplus(W_dt·τ + b_dt)
///     y = x + W_out·(scan(v, Δ, A, B, C, D) ⊙ SiLU(z))
///
/// Source: Gu and Dao, arXiv 2312.00752.
public struct MambaBlock: DecoderBlock {
  public let outline: ModelOutline.Block
  private let configuration: MambaConfiguration
  private let stages: [InputStage]
  private let norm: Tensor
  private let input: Linear
  /// The taps, shape `[K, channels]`, and their biases.
  private let taps: Tensor
  private let tapBias: Tensor?
  private let selection: Linear
  private let step: Linear
  private let scan: SelectiveScan
  private let output: Linear

  /// Reads a block from `weights`.
  ///
  /// - Throws: what the source throws for a missing or misshapen tensor.
  public init(configuration c: MambaConfiguration, outline: ModelOutline.Block, weights: some WeightSource) throws {
    self.outline = outline
    configuration = c
    let mixer = outline.prefix + "mixer."
    stages = try outline.groups.map(weights.inputStage)
    norm = try weights.tensor(outline.prefix + "norm.weight")
    input = try weights.linear(mixer + "in_proj")
    taps = try weights.tensor(mixer + "conv1d.weight").reshaped(to: [c.intermediateSize, c.convolutionSize])
      .transposed()
    tapBias = c.hasConvolutionBias ? try weights.tensor(mixer + "conv1d.bias") : nil
    selection = try weights.linear(mixer + "x_proj")
    step = try weights.linear(mixer + "dt_proj")
    scan = SelectiveScan(
      decay: -(try weights.tensor(mixer + "A_log").exp().transposed()), skip: try weights.tensor(mixer + "D"))
    output = try weights.linear(mixer + "out_proj")
  }

  /// The states of convolution and scan before the first token: zeros.
  public func makeState() -> any DecoderState {
    MambaState(
      taps: configuration.convolutionSize, states: configuration.stateSize, channels: configuration.intermediateSize)
  }

  public func callAsFunction(_ x: Tensor, state: (any DecoderState)?, observer: ActivationObserver?) -> Tensor {
    /// What the layer of group `index` reads; nil when the observer wants no more.
    func staged(_ index: Int, _ activation: Tensor, _ layer: Linear) -> LayerInput? {
      if let observer, !observer(outline.groups[index], activation) { return nil }
      return stages[index](activation, for: [layer])
    }
    let memory = state.map { state in
      guard let memory = state as? MambaState else {
        preconditionFailure("A Mamba block keeps its state in a Mamba state.")
      }
      return memory
    }
    let (e, n, r) = (configuration.intermediateSize, configuration.stateSize, configuration.timeStepRank)
    let normalized = x.rmsNorm(weight: norm, epsilon: configuration.normEpsilon)
    guard let h = staged(0, normalized, input) else { return x }  // [T, D]
    let both = input(h)
    let u = both.columns(0..<e)
    let v = u.causalConvolution(weight: taps, bias: tapBias, past: memory?.inputs).silu()
    memory?.append(u)
    guard let selecting = staged(1, v, selection) else { return x }  // [T, E]
    let selected = selection(selecting)
    guard let rank = staged(2, selected.columns(0..<r), step) else { return x }  // [T, R]
    let y = scanned(
      v, steps: step(rank).softplus(), b: selected.columns(r..<r + n), c: selected.columns(r + n..<r + 2 * n),
      memory: memory)
    guard let gated = staged(3, both.columns(e..<2 * e).siluGating(y), output) else { return x }  // [T, E]
    return x + output(gated)
  }

  private func scanned(_ v: Tensor, steps: Tensor, b: Tensor, c: Tensor, memory: MambaState?) -> Tensor {
    guard let memory else { return scan(v, steps: steps, b: b, c: c) }
    return scan(v, steps: steps, b: b, c: c, state: &memory.scan)
  }
}

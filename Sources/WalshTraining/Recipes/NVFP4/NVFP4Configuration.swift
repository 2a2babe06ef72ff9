import WalshFormats

/// The ingredients of `NVFP4Recipe`; the defaults are the published recipe.
public struct NVFP4Configuration: Sendable, Hashable {
  /// Which operands of the forward product choose between mapping a block's maximum to 6 and to 4.
  public enum FourOverSix: String, Sendable, Hashable, CaseIterable {
    case none, weights, activations, all
  }

  /// What Four Over Six minimises.
  public enum FourOverSixError: String, Sendable, Hashable, CaseIterable {
    /// The mean absolute error: TransformerEngine's default.
    case absolute
    /// The mean squared error: the paper, arXiv 2512.02010.
    case squared
  }

  /// How scales of W are shared.
  public enum WeightScaling: String, Sendable, Hashable, CaseIterable {
    /// One for 16 × 16, the same codes in both products.
    case tiles
    /// One for 1 × 16 along each product's own contraction: two different quantized W, the worst of the paper's variants.
    case perProduct
    /// One for 1 × 16 along the inputs, the same codes in both products; tensor cores cannot, an emulation can.
    case inputsOnly
  }

  /// What the gradients are computed from.
  public enum BackwardOverride: String, Sendable, Hashable, CaseIterable {
    /// Quantized operands.
    case none
    /// X, W and E in bfloat16.
    case highPrecision
    /// E in bfloat16 with X and W as the forward product decoded them.
    case dequantized
  }

  /// The rotation of both operands of the weight gradient along the tokens; nil for none (`disable_rht`).
  public var rotation: OperandRotation? = .nvidia
  /// Whether gradients are rounded stochastically (not `disable_stochastic_rounding`).
  public var roundsStochastically = true
  /// How scales of W are shared (`.perProduct` is `disable_2d_quantization`).
  public var weightScaling = WeightScaling.tiles
  /// Whether scales of gradients leave a margin of 17/16, so that stochastic rounding never clips and has no bias. Off
  /// in NVIDIA's recipe; TetraJet-v2 and Quartet II use it.
  public var hasMargin = false
  /// Where Four Over Six is used. Never for gradients, nor for the rotated X.
  public var fourOverSix = FourOverSix.none
  /// What Four Over Six minimises.
  public var fourOverSixError = FourOverSixError.absolute
  /// What the gradients are computed from.
  public var backwardOverride = BackwardOverride.none
  /// The linear layers that stay in bfloat16.
  public var highPrecisionLayers = HighPrecisionLayers.lastBlocks(fraction: 0.15)
  /// When the run changes to bfloat16; nil for never.
  public var lateSwitch: LateSwitch?
  /// Whether X in the forward product has a tensor scale for each token (`row_scaled_activation`). It then is kept
  /// decoded where a gradient reads the forward codes.
  public var scalesActivationsByRow = false
  /// Whether operands and rotated operands are rounded to bfloat16 before they are quantized, as on a GPU.
  public var passesThroughBFloat16 = false

  public init() {}

  /// X in the forward product.
  var activation: OperandTreatment {
    let format = NumericFormat.nvfp4(scheme(.activations))
    return parity(OperandTreatment(scalesActivationsByRow ? .rowScaled(format) : .format(format)))
  }

  /// W in the forward product.
  var weight: OperandTreatment { parity(.nearest(.nvfp4(scheme(.weights), tiles: weightScaling == .tiles))) }

  /// The treatment of every layer that is quantized.
  public var products: ProductTable {
    let forward = ProductTreatment(left: activation, right: weight)
    switch backwardOverride {
    case .highPrecision:
      return ProductTable(forward: forward, inputGradient: .both(.bfloat16), weightGradient: .both(.bfloat16))
    case .dequantized:
      let gradient = ProductTreatment(left: .bfloat16, right: OperandTreatment(.bfloat16, source: .forward))
      return ProductTable(forward: forward, inputGradient: gradient, weightGradient: gradient)
    case .none:
      let e = OperandTreatment(
        .format(.nvfp4(hasMargin ? .margin : .transformerEngine)), isStochastic: roundsStochastically)
      var rotatedE = parity(e)
      rotatedE.rotation = rotation
      return ProductTable(
        forward: forward,
        inputGradient: ProductTreatment(
          left: parity(e), right: weightScaling == .perProduct ? weight : .forwardCodes),
        weightGradient: ProductTreatment(
          left: rotatedE, right: parity(.nearest(.nvfp4, rotation: rotation))))
    }
  }

  /// The scale rule of a forward operand.
  private func scheme(_ operand: FourOverSix) -> E4M3Scheme {
    guard fourOverSix == operand || fourOverSix == .all else { return .transformerEngine }
    return fourOverSixError == .absolute ? .fourOverSixMAE : .fourOverSixMSE
  }

  private func parity(_ treatment: OperandTreatment) -> OperandTreatment {
    var treatment = treatment
    treatment.passesThroughBFloat16 = passesThroughBFloat16
    return treatment
  }
}

/// A change to bfloat16 late in a run, which recovers most of the gap. Section 2.6: at 82 % of the tokens.
public struct LateSwitch: Sendable, Hashable {
  /// What changes.
  public enum Scope: String, Sendable, Hashable, CaseIterable {
    /// All three products.
    case all
    /// The forward product; gradients stay in NVFP4.
    case forward
  }

  /// The share of the steps that comes before the change, 0…1.
  public var fraction: Double
  /// What changes.
  public var scope: Scope

  public init(after fraction: Double = 0.82, scope: Scope = .all) {
    precondition((0...1).contains(fraction), "A run switches after a share of 0 to 1 of its steps, not \(fraction).")
    self.fraction = fraction
    self.scope = scope
  }

  /// Whether `layer` is computed after the change: from step ⌈fraction · stepCount⌉ on.
  func isOver(_ layer: LayerContext) -> Bool {
    layer.step >= HighPrecisionLayers.share(fraction, of: layer.stepCount)
  }
}

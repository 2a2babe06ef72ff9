import WalshFormats
import WalshTensor

/// AdaHOP, arXiv 2604.02525: MXFP4 training that chooses each product's transform by the patterns of its outliers.
///
/// The first steps calibrate: every layer trains in bfloat16 and votes with the patterns of X, W and E. Then each
/// product gets its mode from the table, for the rest of the run. Which rows are extracted is decided anew each time.
public struct AdaHOPRecipe: MatmulRecipe {
  public let name: String
  /// The settings.
  public let configuration: AdaHOPConfiguration
  /// The recorded patterns and the chosen modes. Restoring a file of modes here skips the calibration.
  public let calibration: AdaHOPState

  public init(name: String = "adahop-lv2", _ configuration: AdaHOPConfiguration = AdaHOPConfiguration()) {
    self.name = name
    self.configuration = configuration
    calibration = AdaHOPState(
      recipe: name, detector: configuration.detector, table: configuration.table,
      steps: configuration.calibrationSteps)
  }

  public var state: (any RecipeState)? { calibration }

  /// The treatment of a product with IHT; the modes of a run are in `state`.
  public var table: [RecipeRow] {
    configuration.products(.all(.hadamard)).rows.map { row in
      RecipeRow(
        product: row.product, operand: row.operand, source: row.source, transform: "\(row.transform), by pattern",
        axis: row.axis, format: row.format, scaling: row.scaling, tensorScale: row.tensorScale, rounding: row.rounding
      )
    }
  }

  /// Which treatment a layer gets now.
  public func products(for layer: LayerContext) -> ProductTable {
    if layer.isNeverQuantized { return .bfloat16 }
    return configuration.products(calibration.modes(of: layer.path) ?? .all(configuration.calibrationMode))
  }

  public func product(_ x: Tensor, _ weight: Tensor, layer: LayerContext) -> Tensor {
    let products = LinearProducts(products(for: layer), layer: layer)
    guard calibration.isCalibrating, !layer.isNeverQuantized, x.isTracked || weight.isTracked else {
      return products(x, weight)
    }
    let state = calibration
    state.observe(x.detached(), as: \.x, path: layer.path)
    state.observe(weight.detached(), as: \.w, path: layer.path)
    return products(x, weight) { e in state.observe(e, as: \.gradient, path: layer.path) }
  }
}

/// The settings of `AdaHOPRecipe`; the defaults are Lv2 as the paper describes it.
public struct AdaHOPConfiguration: Sendable, Hashable {
  /// Which pair of patterns gets which mode.
  public var table = PatternTable.lv2
  /// The format of quantized operands; NVFP4 works too.
  public var format = NumericFormat.mxfp4
  /// The signs of the rotation, whose size is the format's block; none in the official recipe, fixed ones in AMD's for
  /// mixtures of experts.
  public var signs = OperandRotation.Signs.none
  /// Whether E is rounded stochastically, wherever it is quantized. The paper does not say; on measures better.
  public var roundsStochastically = true
  /// How many steps vote.
  public var calibrationSteps = 30
  /// How layers train until then: bfloat16 as in the paper, or `none`, plain MXFP4, as in AMD's port.
  public var calibrationMode = ProductMode.fullPrecision
  /// How many rows or columns are extracted: a tile of the matrix instruction of AMD's GPUs.
  public var extractionCount = 64
  /// Which of them are the largest; the paper does not say.
  public var ranking = OutlierExtraction.Ranking.energy
  /// How patterns are told apart.
  public var detector = PatternDetector()
  /// Whether operands and rotated operands are rounded to bfloat16 before they are quantized, as on a GPU.
  public var passesThroughBFloat16 = false

  public init() {}

  /// The treatments that `modes` stand for.
  public func products(_ modes: LayerModes) -> ProductTable {
    ProductTable(
      forward: treatment(modes.forward, isGradient: false), inputGradient: treatment(modes.inputGradient),
      weightGradient: treatment(modes.weightGradient.inWeightGradient))
  }

  /// How a product of `mode` is computed.
  ///
  /// - Parameter isGradient: whether its left operand is E, which is rounded as `roundsStochastically` says.
  func treatment(_ mode: ProductMode, isGradient: Bool = true) -> ProductTreatment {
    if mode == .fullPrecision { return .both(.bfloat16) }
    let size = format.groupSize(columns: 32)
    var operand = OperandTreatment(.format(format), passesThroughBFloat16: passesThroughBFloat16)
    if mode.isInner { operand.rotation = OperandRotation(size: size, signs: signs) }
    var treatment = ProductTreatment.both(operand)
    treatment.left.isStochastic = isGradient && roundsStochastically
    if mode.isOuter { treatment.outerHadamard = size }
    switch mode {
    case .extractLeft, .outerExtractLeft: treatment.extraction = .left(ranking, count: extractionCount)
    case .extractRight, .outerExtractRight: treatment.extraction = .right(ranking, count: extractionCount)
    case .extractLeftColumns: treatment.extraction = .leftColumns(ranking, count: extractionCount)
    case .none, .hadamard, .outerHadamard, .fullPrecision: break
    }
    return treatment
  }
}

extension ProductMode {
  /// Whether both operands are rotated along the contraction axis.
  fileprivate var isInner: Bool {
    switch self {
    case .hadamard, .extractLeft, .extractRight, .extractLeftColumns: true
    case .none, .outerHadamard, .outerExtractLeft, .outerExtractRight, .fullPrecision: false
    }
  }

  /// Whether both operands are rotated along their outer axes.
  fileprivate var isOuter: Bool {
    switch self {
    case .outerHadamard, .outerExtractLeft, .outerExtractRight: true
    case .none, .hadamard, .extractLeft, .extractRight, .extractLeftColumns, .fullPrecision: false
    }
  }
}

import WalshFormats

/// How the three products of a linear layer are computed: the table that a recipe consists of.
public struct ProductTable: Sendable, Hashable {
  /// Y = X·Wᵀ: A is X, B is W, the contraction axis is the inputs.
  public var forward: ProductTreatment
  /// dX = E·W: A is E, B is Wᵀ, the contraction axis is the outputs.
  public var inputGradient: ProductTreatment
  /// dW = Eᵀ·X: A is Eᵀ, B is Xᵀ, the contraction axis is the tokens.
  public var weightGradient: ProductTreatment

  public init(forward: ProductTreatment, inputGradient: ProductTreatment, weightGradient: ProductTreatment) {
    self.forward = forward
    self.inputGradient = inputGradient
    self.weightGradient = weightGradient
  }

  /// All six operands treated alike.
  public static func all(_ operand: OperandTreatment) -> Self {
    Self(forward: .both(operand), inputGradient: .both(operand), weightGradient: .both(operand))
  }

  /// Float32 products.
  public static let float32 = all(.float32)
  /// Operands in bfloat16, sums in Float32.
  public static let bfloat16 = all(.bfloat16)

  /// The table in words: two rows for each product.
  public var rows: [RecipeRow] {
    [
      row("forward", "X", "inputs", forward.left),
      row("forward", "W", "inputs", forward.right),
      row("input gradient", "E", "outputs", inputGradient.left),
      row("input gradient", "W", "outputs", inputGradient.right, codes: forward.right),
      row("weight gradient", "Eᵀ", "tokens", weightGradient.left),
      row("weight gradient", "Xᵀ", "tokens", weightGradient.right, codes: forward.left),
    ]
  }

  private func row(
    _ product: String, _ operand: String, _ axis: String, _ treatment: OperandTreatment,
    codes: OperandTreatment? = nil
  ) -> RecipeRow {
    let name = operand.replacing("ᵀ", with: "")
    if let codes, treatment == .forwardCodes {
      return RecipeRow(
        product: product, operand: operand, source: "forward codes", axis: axis, format: codes.grid.label,
        scaling: codes.grid.scaling, tensorScale: codes.tensorScale(of: name), rounding: "–")
    }
    return RecipeRow(
      product: product, operand: operand, source: treatment.source == .forward ? "forward codes" : name,
      transform: treatment.rotation?.label ?? "–", axis: axis, format: treatment.grid.label,
      scaling: treatment.grid.scaling, tensorScale: treatment.tensorScale(of: name),
      rounding: treatment.grid.rounding ?? (treatment.isStochastic ? "stochastic" : "nearest"))
  }
}

extension OperandTreatment {
  /// Whose largest magnitude sets the tensor scale of the operand called `name`.
  fileprivate func tensorScale(of name: String) -> String {
    guard grid.hasTensorScale else { return "–" }
    let whose = rotation == nil ? name : "rotated \(name)"
    if case .rowScaled = grid { return "each row of \(whose)" }
    return whose
  }
}

extension OperandTreatment.Grid {
  /// The name of the numbers.
  var label: String {
    switch self {
    case .float32: "Float32"
    case .bfloat16: "bfloat16"
    case .format(let format), .rowScaled(let format):
      format.name.replacing("/tile16", with: "").replacing("/128", with: "")
    case .tiles128: "FP8"
    case .msEDEN: "NVFP4"
    }
  }

  /// Which elements share a scale.
  var scaling: String {
    switch self {
    case .float32, .bfloat16: "–"
    case .format(let format), .rowScaled(let format):
      switch format.granularity {
      case .tensor: "tensor"
      case .row: "row"
      case .group(let n): "1×\(n)"
      case .tile16: "16×16"
      }
    case .tiles128: "128×128"
    case .msEDEN: "1×16"
    }
  }

  /// Whether a scale of the whole tensor stands above those of the blocks.
  var hasTensorScale: Bool {
    switch self {
    case .float32, .bfloat16, .tiles128: false
    case .format(let format): format.isTwoLevel
    case .rowScaled, .msEDEN: true
    }
  }

  /// How elements are rounded where the grid alone decides it.
  var rounding: String? {
    switch self {
    case .float32: "–"
    case .bfloat16, .format, .rowScaled, .tiles128: nil
    case .msEDEN: "MS-EDEN"
    }
  }
}

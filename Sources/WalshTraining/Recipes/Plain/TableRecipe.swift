import WalshTensor

/// A recipe that treats every layer by one table at every step.
public struct TableRecipe: MatmulRecipe {
  public let name: String
  /// The treatment of all quantized layers.
  public let products: ProductTable
  /// The layers that stay in bfloat16.
  public let highPrecisionLayers: HighPrecisionLayers

  /// - Precondition: `highPrecisionLayers` is no rule that has to be measured; that belongs to `NVFP4Recipe`.
  public init(name: String, products: ProductTable, highPrecisionLayers: HighPrecisionLayers = .none) {
    if case .largestGradientError = highPrecisionLayers {
      preconditionFailure("A table has no state to measure gradients with; use NVFP4Recipe.")
    }
    self.name = name
    self.products = products
    self.highPrecisionLayers = highPrecisionLayers
  }

  public var table: [RecipeRow] { products.rows }

  public func product(_ x: Tensor, _ weight: Tensor, layer: LayerContext) -> Tensor {
    let isKept = products != .float32 && (layer.isNeverQuantized || highPrecisionLayers.contains(layer))
    return LinearProducts(isKept ? .bfloat16 : products, layer: layer)(x, weight)
  }
}

extension MatmulRecipe where Self == TableRecipe {
  /// Float32 products.
  public static var fp32: TableRecipe { TableRecipe(name: "fp32", products: .float32) }

  /// Operands rounded to bfloat16, sums in Float32.
  public static var bf16: TableRecipe { TableRecipe(name: "bf16", products: .bfloat16) }

  /// E4M3 everywhere, one scale for 1 × 128 values of activations and gradients and for 128 × 128 of weights; the first
  /// block and the last two in bfloat16. The baseline of arXiv 2509.25149.
  public static var fp8: TableRecipe {
    let line = OperandTreatment.nearest(.fp8(.e4m3, per: .group(128)))
    return TableRecipe(
      name: "fp8",
      products: ProductTable(
        forward: ProductTreatment(left: line, right: OperandTreatment(.tiles128)),
        inputGradient: ProductTreatment(left: line, right: .forwardCodes),
        weightGradient: .both(line)),
      highPrecisionLayers: .blocks(first: 1, last: 2))
  }

  /// MXFP4 in blocks of 32 along each product's contraction, EVEN scales, everything to nearest.
  public static var mxfp4: TableRecipe { TableRecipe(name: "mxfp4", products: .all(.nearest(.mxfp4))) }

  /// Tseng et al., arXiv 2502.20586: the forward product in bfloat16; both operands of both gradients rotated by a
  /// random Hadamard transform of 64 values, fresh at every step, times 3/4, MXFP4 with FLOOR scales, stochastic.
  public static var mxfp4RHT: TableRecipe {
    let operand = OperandTreatment.stochastic(
      .mxfp4(.staticThreeQuarters), rotation: OperandRotation(size: 64, signs: .freshEveryStep))
    return TableRecipe(
      name: "mxfp4-rht",
      products: ProductTable(
        forward: .both(.bfloat16), inputGradient: .both(operand), weightGradient: .both(operand)))
  }

  /// MXFP4 with both operands of every product rotated by the Hadamard matrix of 32 along the contraction, E rounded
  /// stochastically: the baseline that AdaHOP improves on.
  public static var mxfp4InnerHadamard: TableRecipe { uniform(.hadamard, name: "mxfp4-iht") }

  /// MXFP4 with every operand rotated along its outer axis and the product rotated back, as in HALO. With blocks along
  /// the contraction this is no better than plain MXFP4; it is here to show that.
  public static var mxfp4OuterHadamard: TableRecipe { uniform(.outerHadamard, name: "mxfp4-oht") }

  private static func uniform(_ mode: ProductMode, name: String) -> TableRecipe {
    TableRecipe(name: name, products: AdaHOPConfiguration().products(.all(mode)))
  }
}

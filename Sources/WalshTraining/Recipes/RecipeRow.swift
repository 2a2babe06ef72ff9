/// One operand of one product of a recipe, in words.
public struct RecipeRow: Sendable, Hashable {
  /// `forward`, `input gradient` or `weight gradient`.
  public let product: String
  /// `X`, `W` or `E`; `ᵀ` where the product takes it transposed.
  public let operand: String
  /// What is quantized: `X`, `W` or `E` as the model has it, or `forward codes`.
  public let source: String
  /// The transform in front of quantization, such as `RHT 16`.
  public let transform: String
  /// Along which axis blocks and transforms run, the contraction of the product: `inputs`, `outputs` or `tokens`.
  public let axis: String
  /// The format, such as `NVFP4`.
  public let format: String
  /// Which elements share a scale, such as `16×16`.
  public let scaling: String
  /// Whose largest magnitude sets the tensor scale, such as `rotated X`.
  public let tensorScale: String
  /// `nearest` or `stochastic`.
  public let rounding: String

  public init(
    product: String, operand: String, source: String, transform: String = "–", axis: String, format: String,
    scaling: String = "–", tensorScale: String = "–", rounding: String = "nearest"
  ) {
    self.product = product
    self.operand = operand
    self.source = source
    self.transform = transform
    self.axis = axis
    self.format = format
    self.scaling = scaling
    self.tensorScale = tensorScale
    self.rounding = rounding
  }

  /// The headings of `cells`.
  public static let headings = [
    "product", "operand", "source", "transform", "axis", "format", "scaling", "tensor scale", "rounding",
  ]

  /// The row under `headings`.
  public var cells: [String] {
    [product, operand, source, transform, axis, format, scaling, tensorScale, rounding]
  }
}

import WalshTensor

/// How a linear layer's three products are computed in training:
///
///     Y = X·Wᵀ     dX = E·W     dW = Eᵀ·X     with E = ∂L/∂Y
///
/// A recipe is a value: it says for every operand of every product which transform, format, scaling and rounding it gets,
/// prints as a table, and computes the products on the quantized numbers.
public protocol MatmulRecipe: Sendable {
  /// The name on the command line, such as `nvfp4`.
  var name: String { get }

  /// A row for every product and operand, for `--explain`.
  var table: [RecipeRow] { get }

  /// Y = X·Wᵀ, differentiable in both, in the arithmetic of the recipe.
  ///
  /// - Parameters:
  ///   - x: shape `[tokens, inputs]`.
  ///   - weight: shape `[outputs, inputs]`.
  ///   - layer: which layer at which step; keys the random numbers and selects what stays in high precision.
  func product(_ x: Tensor, _ weight: Tensor, layer: LayerContext) -> Tensor
}

/// One operand of one product of a recipe.
public struct RecipeRow: Sendable, Hashable {
  /// `forward`, `input gradient` or `weight gradient`.
  public let product: String
  /// `X`, `W` or `E`.
  public let operand: String
  /// The transform in front of quantization, such as `RHT 16`.
  public let transform: String
  /// Along which axis blocks and transforms run: `inputs`, `outputs` or `tokens`.
  public let axis: String
  /// The format, such as `NVFP4`.
  public let format: String
  /// How scales are shared and chosen, such as `16×16`.
  public let scaling: String
  /// `nearest` or `stochastic`.
  public let rounding: String

  public init(
    product: String, operand: String, transform: String = "–", axis: String, format: String, scaling: String = "–",
    rounding: String = "nearest"
  ) {
    self.product = product
    self.operand = operand
    self.transform = transform
    self.axis = axis
    self.format = format
    self.scaling = scaling
    self.rounding = rounding
  }
}

/// Which linear layer a product belongs to, and when.
public struct LayerContext: Sendable, Hashable {
  /// The module path, such as `model.layers.3.mlp.up_proj`.
  public let path: String
  /// The block, from 0.
  public let block: Int
  /// The number of blocks.
  public let blockCount: Int
  /// The step of training, from 0.
  public let step: Int
  /// The number of steps of the whole run.
  public let stepCount: Int
  /// Which micro-batch of the step.
  public let microBatch: Int
  /// The seed of the run.
  public let seed: UInt64

  public init(
    path: String, block: Int, blockCount: Int, step: Int, stepCount: Int, microBatch: Int = 0, seed: UInt64
  ) {
    self.path = path
    self.block = block
    self.blockCount = blockCount
    self.step = step
    self.stepCount = stepCount
    self.microBatch = microBatch
    self.seed = seed
  }
}

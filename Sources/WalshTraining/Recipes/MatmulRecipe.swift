import WalshTensor

/// How a linear layer's three products are computed in training:
///
///     Y = X·Wᵀ     dX = E·W     dW = Eᵀ·X     with E = ∂L/∂Y
///
/// A recipe says for every operand of every product which transform, format, scaling and rounding it gets, prints as a
/// table, and computes the products on the quantized numbers. Get one by name with `MatmulRecipes.named(_:)`.
///
/// A recipe is a value, except that one that learns from the run keeps what it has learned in `state`, an object that
/// all copies of the recipe share. Make a fresh recipe for every run.
public protocol MatmulRecipe: Sendable {
  /// The name on the command line, such as `nvfp4`.
  var name: String { get }

  /// A row for every product and operand, for `--explain`.
  var table: [RecipeRow] { get }

  /// What the recipe learns during the run; nil for recipes that do not.
  var state: (any RecipeState)? { get }

  /// Y = X·Wᵀ, differentiable in both, in the arithmetic of the recipe.
  ///
  /// The gradients are straight-through: dX and dW are the recipe's own products of E, as if quantization were the
  /// identity. What the backward pass needs of X and W is kept in the form in which it enters that product, packed
  /// where it is quantized. The result is Float32; biases are added by the caller, unquantized.
  ///
  /// - Parameters:
  ///   - x: shape `[…, inputs]`; all leading axes together are the tokens.
  ///   - weight: shape `[outputs, inputs]`.
  ///   - layer: which layer at which step; keys the random numbers and selects what stays in high precision.
  /// - Returns: shape `[…, outputs]`. NaN and infinity in an operand give NaN, never silence.
  func product(_ x: Tensor, _ weight: Tensor, layer: LayerContext) -> Tensor
}

extension MatmulRecipe {
  public var state: (any RecipeState)? { nil }
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

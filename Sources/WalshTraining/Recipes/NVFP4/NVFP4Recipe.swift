import WalshFormats
import WalshTensor

/// Pretraining in NVFP4, arXiv 2509.25149, with every ingredient as a value.
///
/// As published: weights in tiles of 16 × 16, so that forward and backward see one quantized W; a random Hadamard
/// transform of 16 tokens in front of the weight gradient only; gradients rounded stochastically, everything else to
/// nearest; the last 15 % of the blocks in bfloat16. The switches have the names and meanings of TransformerEngine's
/// `NVFP4BlockScaling`.
public struct NVFP4Recipe: MatmulRecipe {
  public let name: String
  /// The ingredients.
  public let configuration: NVFP4Configuration
  private let measurement: GradientErrorMeasurement?

  public init(name: String = "nvfp4", _ configuration: NVFP4Configuration = NVFP4Configuration()) {
    self.name = name
    self.configuration = configuration
    measurement =
      if case .largestGradientError(let fraction, let steps) = configuration.highPrecisionLayers {
        GradientErrorMeasurement(recipe: name, fraction: fraction, steps: steps)
      } else {
        nil
      }
  }

  public var table: [RecipeRow] { configuration.products.rows }

  /// The measured gradient errors and the choice of layers; nil unless the configuration asks for a measurement.
  public var state: (any RecipeState)? { measurement }

  /// Which treatment a layer gets, and when.
  public func products(for layer: LayerContext) -> ProductTable {
    if layer.isNeverQuantized || configuration.highPrecisionLayers.contains(layer) { return .bfloat16 }
    if let measurement, measurement.keepsInHighPrecision(layer.path) { return .bfloat16 }
    var products = configuration.products
    if let lateSwitch = configuration.lateSwitch, lateSwitch.isOver(layer) {
      switch lateSwitch.scope {
      case .all: return .bfloat16
      case .forward:
        products.forward = .both(.bfloat16)
        // The gradients quantize W and X themselves now: tiles give the same codes as before.
        products.inputGradient.right.useOriginal(configuration.weight)
        products.weightGradient.right.useOriginal(configuration.activation)
      }
    }
    return products
  }

  public func product(_ x: Tensor, _ weight: Tensor, layer: LayerContext) -> Tensor {
    let products = LinearProducts(products(for: layer), layer: layer)
    guard let measurement, measurement.isMeasuring, !layer.isNeverQuantized else { return products(x, weight) }
    let (inputs, w) = (x.detached().asMatrix, weight.detached())
    let quantized = LinearProducts(configuration.products, layer: layer)
    let exact = LinearProducts(.float32, layer: layer)
    return products(x, weight) { e in
      func gradient(_ products: LinearProducts) -> Tensor? {
        products.forward(inputs, w, wantsX: false).savedX.map { products.weightGradient(e, $0) }
      }
      if let a = gradient(quantized), let b = gradient(exact) { measurement.observe(a, exact: b, path: layer.path) }
    }
  }
}

extension OperandTreatment {
  /// Makes a treatment of the forward codes one of the tensor itself.
  fileprivate mutating func useOriginal(_ forward: OperandTreatment) {
    guard source == .forward else { return }
    if self == .forwardCodes { self = forward } else { source = .original }
  }
}

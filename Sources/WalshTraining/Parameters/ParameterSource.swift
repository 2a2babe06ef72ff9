import WalshModels
import WalshTensor

/// Serves parameters in memory, tracked or not, to the same blocks that run a model from a folder.
///
/// Layers of blocks multiply in the arithmetic of a recipe; the output layer stays in Float32, as all recipes want it.
struct ParameterSource: WeightSource {
  private let tensors: [String: Tensor]
  private let products: [String: any LinearProduct]

  /// - Parameters:
  ///   - architecture: the model.
  ///   - parameters: its tensors, in the order of `architecture.parameters`.
  ///   - product: how the layer at a module path of a block multiplies.
  init(
    _ architecture: Architecture, _ parameters: [Tensor],
    product: (_ path: String, _ block: Int) -> any LinearProduct
  ) {
    tensors = Dictionary(uniqueKeysWithValues: zip(architecture.parameters.map(\.name), parameters))
    var products: [String: any LinearProduct] = [:]
    for (index, block) in architecture.outline.blocks.enumerated() {
      for path in block.groups.flatMap(\.layers) { products[path] = product(path, index) }
    }
    self.products = products
  }

  func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else {
      throw TrainingError(name, "the model to be trained has no such tensor.")
    }
    return tensor
  }

  func linear(_ path: String) throws -> Linear {
    let weight = try tensor(path + ".weight")
    return Linear(products[path].map { .custom(weight, $0) } ?? .dense(weight), bias: tensors[path + ".bias"])
  }

  func inputStage(of group: LinearGroup) throws -> InputStage { InputStage() }
  func keyStage(of site: ModelOutline.AttentionSite) throws -> KeyStage { KeyStage() }
}

/// The product of one layer at one step in the arithmetic of a recipe.
struct RecipeProduct: LinearProduct {
  let recipe: any MatmulRecipe
  let layer: LayerContext

  func callAsFunction(_ x: Tensor, _ weight: Tensor) -> Tensor { recipe.product(x, weight, layer: layer) }
}

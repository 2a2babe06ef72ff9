import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// The parameters of a model, rotated whenever they are multiplied.
struct RotatedWeights: WeightSource {
  let tensors: [String: Tensor]
  /// R1 and every R2 by name.
  let rotations: [String: Tensor]
  let plan: Plan
  private let readers: [String: LinearGroup]
  private let writers: Set<String>
  /// The group whose R2 turns the output of a value projection, by the projection's path.
  private let producers: [String: LinearGroup]

  init(tensors: [String: Tensor], rotations: [String: Tensor], plan: Plan, outline: ModelOutline) {
    self.tensors = tensors
    self.rotations = rotations
    self.plan = plan
    var readers: [String: LinearGroup] = [:]
    var producers: [String: LinearGroup] = [:]
    for group in outline.blocks.flatMap(\.groups) {
      for layer in group.layers { readers[layer] = group }
      if case .valueHeads(let producer, _, _, _) = group.source { producers[producer] = group }
    }
    self.readers = readers
    self.producers = producers
    writers = Set(outline.blocks.flatMap(\.residualWriters))
  }

  // MARK: WeightSource

  func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw QuantizationError(name, "the model has no such tensor.") }
    return tensor
  }

  func linear(_ path: String) throws -> Linear {
    let weight = try tensor(path + ".weight")
    let bias = tensors[path + ".bias"]
    guard let group = readers[path] else { return Linear(.dense(weight), bias: bias) }
    var product = RotatedProduct()
    if case .norm = group.source { product.input = rotations[RotatedModel.residual] }
    if let rotation = rotations[group.id] { product.input = rotation }
    product.transform = fixedTransform(of: group)?.inverseTranspose
    if writers.contains(path) { product.output = rotations[RotatedModel.residual] }
    if let heads = producers[path], let rotation = rotations[heads.id] { product.output = rotation }
    product.quantizer = plan.weightsWhileLearning(of: group).map { Quantizer(format: $0) }
    return Linear(
      .custom(weight, product), bias: bias.map { b in product.output.map { b.multipliedInBlocks(by: $0) } ?? b })
  }

  func inputStage(of group: LinearGroup) throws -> InputStage {
    InputStage(
      transform: fixedTransform(of: group),
      activation: plan[group].activations.map { ActivationQuantizer(format: $0) })
  }

  func keyStage(of site: ModelOutline.AttentionSite) throws -> KeyStage {
    KeyStage(transform: plan.keys, cacheFormat: plan.cache)
  }

  /// The transform of a group that is not learned; it acts at run time here, folded or not.
  private func fixedTransform(of group: LinearGroup) -> (any LinearTransform)? {
    guard rotations[group.id] == nil, case .fixed(let transform) = plan[group].transform else { return nil }
    return transform
  }
}

/// X·Ŵᵀ with Ŵ = Q((I ⊗ B)ᵀ·W·(I ⊗ A)·T): a frozen weight behind rotations of its input and its output.
struct RotatedProduct: LinearProduct {
  /// A, whose order divides the inputs; nil for I.
  var input: Tensor?
  /// T; nil for I.
  var transform: (any LinearTransform)?
  /// B, whose order divides the outputs; nil for I.
  var output: Tensor?
  /// Q, with scales from the largest magnitude; nil for none.
  var quantizer: Quantizer?

  func callAsFunction(_ x: Tensor, _ weight: Tensor) -> Tensor { x.matmulTransposed(rotated(weight)) }

  /// Ŵ.
  func rotated(_ weight: Tensor) -> Tensor {
    var w = weight
    if let output { w = w.transposed().multipliedInBlocks(by: output).transposed() }
    if let input { w = w.multipliedInBlocks(by: input) }
    if let transform { w = w.transformed(by: transform) }
    return quantizer?.fakeQuantize(w) ?? w
  }
}

extension Tensor {
  /// Rows in consecutive blocks, each times `matrix`: x·(I ⊗ matrix).
  fileprivate func multipliedInBlocks(by matrix: Tensor) -> Tensor {
    reshaped(to: [count / matrix.columns, matrix.columns]).matmul(matrix).reshaped(to: shape)
  }
}

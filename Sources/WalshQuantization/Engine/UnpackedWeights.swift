import WalshModels
import WalshTensor

/// The parameters of another source with packed weights decoded once, for blocks that many samples pass through.
struct UnpackedWeights<Base: WeightSource>: WeightSource {
  let base: Base

  func tensor(_ name: String) throws -> Tensor { try base.tensor(name) }

  func linear(_ path: String) throws -> Linear {
    var layer = try base.linear(path)
    layer.weight = .dense(layer.denseWeight)
    return layer
  }

  func inputStage(of group: LinearGroup) throws -> InputStage { try base.inputStage(of: group) }

  func keyStage(of site: ModelOutline.AttentionSite) throws -> KeyStage { try base.keyStage(of: site) }
}

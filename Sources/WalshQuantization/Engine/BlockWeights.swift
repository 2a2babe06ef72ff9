import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// The parameters of one block while the engine works on them: full precision tensors by name, the transforms that stay
/// online, and the quantized layers.
struct BlockWeights: WeightSource {
  /// Every tensor of the block in full precision, by name.
  var tensors: [String: Tensor]
  /// Names whose values differ from the source's, so that they must be written anew.
  private(set) var changed: Set<String> = []
  /// The transform of each group that its source could not absorb, by group id.
  var online: [String: any LinearTransform] = [:]
  /// The activation quantizer of each finished group, by group id.
  var activations: [String: ActivationQuantizer] = [:]
  /// The activation quantizer of each finished layer that has its own, by path.
  var layerActivations: [String: ActivationQuantizer] = [:]
  /// What happens to keys.
  var keys = KeyStage()
  /// The quantized weights by module path.
  private(set) var packed: [String: PackedMatrix] = [:]

  init(tensors: [String: Tensor]) { self.tensors = tensors }

  // MARK: WeightSource

  func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw QuantizationError(name, "the model has no such tensor.") }
    return tensor
  }

  func linear(_ path: String) throws -> Linear {
    var layer = Linear(.dense(try tensor(path + ".weight")), bias: tensors[path + ".bias"])
    layer.activation = layerActivations[path]
    return layer
  }

  func inputStage(of group: LinearGroup) -> InputStage {
    InputStage(transform: online[group.id], activation: activations[group.id])
  }

  func keyStage(of site: ModelOutline.AttentionSite) -> KeyStage { keys }

  // MARK: Changes

  /// Gives the layer at `path` its quantized weight; from here on the block computes with its values.
  ///
  /// They are kept unpacked: every sample of the calibration text passes through them several times.
  mutating func quantize(_ path: String, to weight: PackedMatrix) throws {
    packed[path] = weight
    try update(path + ".weight") { _ in weight.unpacked() }
  }

  /// Replaces a tensor that exists.
  mutating func update(_ name: String, _ change: (Tensor) -> Tensor) throws {
    tensors[name] = change(try tensor(name))
    changed.insert(name)
  }

  /// Replaces a tensor if it exists, such as a bias.
  mutating func updateIfPresent(_ name: String, _ change: (Tensor) -> Tensor) {
    guard let tensor = tensors[name] else { return }
    tensors[name] = change(tensor)
    changed.insert(name)
  }
}

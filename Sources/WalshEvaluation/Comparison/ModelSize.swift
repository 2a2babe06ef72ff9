/// What a stored model occupies.
public struct ModelSize: Sendable, Hashable {
  /// The weights of the linear layers inside the decoder blocks, counted as numbers.
  public let linearWeights: Int
  /// The bytes of those weights as stored: codes, scales, zero points, tensor scales.
  public let linearBytes: Int
  /// All parameters of the model, counted as numbers; scales are none.
  public let parameters: Int
  /// The bytes of all tensors.
  public let tensorBytes: Int
  /// The bytes of all files of the folder.
  public let folderBytes: Int

  public init(linearWeights: Int, linearBytes: Int, parameters: Int, tensorBytes: Int, folderBytes: Int) {
    self.linearWeights = linearWeights
    self.linearBytes = linearBytes
    self.parameters = parameters
    self.tensorBytes = tensorBytes
    self.folderBytes = folderBytes
  }

  /// Stored bits for each linear weight: 4.25 for MXFP4, 4.5 for NVFP4, 16 for bfloat16. Embedding and output layer are
  /// not in it, as the literature counts.
  public var bitsPerWeight: Double { 8 * Double(linearBytes) / Double(linearWeights) }
  /// Stored bits for each parameter of the whole model.
  public var bitsPerParameter: Double { 8 * Double(tensorBytes) / Double(parameters) }
}

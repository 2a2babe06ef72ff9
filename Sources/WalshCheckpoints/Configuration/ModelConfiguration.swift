import Foundation

/// A model's `config.json`: the whole JSON object, and typed readings of it for the architectures that Walsh runs.
public struct ModelConfiguration: Sendable {
  /// Where the file is; errors name it.
  public let url: URL
  /// The object as it stands in the file, keys in their order.
  public let json: JSONObject
  /// The architecture, such as `llama`.
  public let modelType: String

  /// The architectures of the Llama family, which `llama()` reads.
  public static let llamaFamily = LlamaConfiguration.Family.allCases.map(\.rawValue)
  /// Every architecture that has a reading.
  public static let supportedTypes = llamaFamily + [MambaConfiguration.modelType]

  /// Reads the file `url`.
  ///
  /// - Throws: `CheckpointError` when it is missing, no JSON object, or names no `model_type`.
  public init(reading url: URL) throws(CheckpointError) {
    try self.init(JSON.object(in: url), url: url)
  }

  /// The configuration `json`, which stands in, or will be written to, `url`.
  ///
  /// - Throws: `CheckpointError` when it names no `model_type`.
  public init(_ json: JSONObject, url: URL) throws(CheckpointError) {
    self.url = url
    self.json = json
    let fields = ConfigurationFields(json, file: url)
    // The original checkpoints of state-spaces/mamba name no type, but nobody else writes these keys.
    let original = MambaConfiguration.isOriginal(json) ? MambaConfiguration.modelType : nil
    guard let type = try fields.text("model_type") ?? original else {
      throw CheckpointError(url, "it has no model_type; is it the config.json of a language model?")
    }
    modelType = type
  }

  /// The object's fields, for typed readings.
  var fields: ConfigurationFields { ConfigurationFields(json, file: url) }

  /// The fields of the Llama family.
  ///
  /// - Throws: `CheckpointError` naming the field that is missing, of the wrong kind or impossible; for another
  ///   architecture it lists those that are supported.
  public func llama() throws(CheckpointError) -> LlamaConfiguration {
    guard let family = LlamaConfiguration.Family(rawValue: modelType) else { throw unsupported }
    return try LlamaConfiguration(family, fields)
  }

  /// The fields of Mamba.
  ///
  /// - Throws: `CheckpointError` naming the field that is of the wrong kind or impossible, or another architecture.
  public func mamba() throws(CheckpointError) -> MambaConfiguration {
    guard modelType == MambaConfiguration.modelType else { throw unsupported }
    return try MambaConfiguration(fields)
  }

  private var unsupported: CheckpointError {
    let known = Self.supportedTypes.joined(separator: ", ")
    return CheckpointError(url, "the model_type \"\(modelType)\" is not supported; supported are \(known).")
  }

  /// How the model is quantized; nil when it is not.
  ///
  /// - Throws: `CheckpointError` when another method than compressed-tensors wrote it, or it contradicts itself.
  public func quantization() throws(CheckpointError) -> QuantizationConfiguration? {
    guard let fields = try fields.nested("quantization_config") else { return nil }
    return try QuantizationConfiguration(fields)
  }

  /// The element type in which the model is computed (`dtype`, formerly `torch_dtype`); nil when the file names none.
  ///
  /// - Throws: `CheckpointError` when it names another type than float32, float16 or bfloat16.
  public func dtype() throws(CheckpointError) -> DType? {
    for key in ["dtype", "torch_dtype"] {
      let choices: KeyValuePairs<String, DType?> = [
        "float32": .float32, "float16": .float16, "bfloat16": .bfloat16, "torch.float32": .float32,
        "torch.float16": .float16, "torch.bfloat16": .bfloat16, "auto": nil,
      ]
      if let dtype = try fields.choice(key, of: choices) { return dtype }
    }
    return nil
  }

  /// A copy for a quantized model: the same keys in the same order, `quantization_config` replaced or added at the end.
  ///
  /// - Parameters:
  ///   - quantization: what the new model is quantized to; nil removes the entry.
  ///   - tiesEmbeddings: the new `tie_word_embeddings`; nil leaves it alone.
  public func with(quantization: QuantizationConfiguration?, tiesEmbeddings: Bool? = nil) -> ModelConfiguration {
    var json = json
    json["quantization_config"] = quantization.map(\.json)
    if let tiesEmbeddings { json["tie_word_embeddings"] = .bool(tiesEmbeddings) }
    return ModelConfiguration(url: url, json: json, modelType: modelType)
  }

  private init(url: URL, json: JSONObject, modelType: String) {
    self.url = url
    self.json = json
    self.modelType = modelType
  }

  /// The text of the file.
  public func serialized() -> [UInt8] { JSON.object(json).serialized(pretty: true) + [UInt8(ascii: "\n")] }
}

import Foundation
import WalshCheckpoints

/// A model folder with everything that belongs to it: tensors, configuration, tokenizer, chat template.
///
/// Opening checks headers and configuration; tensors, tokenizer and template are read when asked for.
public struct ModelFolder: Sendable {
  /// The tensors.
  public let checkpoint: Checkpoint
  /// `config.json`.
  public let configuration: ModelConfiguration
  /// The architecture that the configuration describes.
  public let architecture: Architecture

  /// Opens the folder `url`.
  ///
  /// - Throws: `CheckpointError` when it is no model folder of a known architecture.
  public init(_ url: URL) throws {
    checkpoint = try Checkpoint(folder: url)
    configuration = try checkpoint.configuration()
    architecture = try Architecture(configuration)
  }

  /// What people call the model: its hub id when it lies in a hub cache, else the name of its folder, or of the folder
  /// around one that is only called `hf`.
  public var name: String {
    let path = checkpoint.folder.standardizedFileURL.pathComponents
    if let cached = path.last(where: { $0.hasPrefix("models--") }) {
      return String(cached.dropFirst("models--".count)).replacing("--", with: "/")
    }
    let last = path.last ?? ""
    return last == "hf" && path.count > 1 ? path[path.count - 2] : last
  }

  /// Reads the whole model, to compute with `activations` where it has four-bit weights and activations in full precision.
  public func model(activations: ActivationPrecision = .float32) throws -> LanguageModel {
    try LanguageModel(checkpoint, activations: activations)
  }

  /// Reads `tokenizer.json`, with `tokenizer_config.json` when it is there.
  ///
  /// - Throws: `CheckpointError` when there is none or it is no JSON, `TokenizerError` when it is damaged.
  public func tokenizer() throws -> Tokenizer {
    try Tokenizer(folder: checkpoint.folder)
  }

  /// The template that turns a conversation into a prompt; nil when the folder has none.
  public func chatTemplate() throws -> ChatTemplate? { try ChatTemplate.load(folder: checkpoint.folder) }

  /// The token that begins a text, by the tokenizer or else the configuration; nil when neither names one.
  public func beginToken(_ tokenizer: Tokenizer) -> Int? {
    tokenizer.beginningOfTextID ?? configuration.json["bos_token_id"]?.intValue
  }

  /// The tokens that end a text, by tokenizer, configuration and generation configuration together.
  public func endTokens(_ tokenizer: Tokenizer) throws -> Set<Int> {
    var tokens = Set([tokenizer.endOfTextID].compactMap(\.self))
    for source in [JSON.object(configuration.json), try json(of: "generation_config.json")] {
      guard let value = source?["eos_token_id"] else { continue }
      tokens.formUnion((value.arrayValue ?? [value]).compactMap(\.intValue))
    }
    return tokens
  }

  /// A JSON file of the folder; nil when it is not there.
  private func json(of name: String) throws -> JSON? {
    let url = checkpoint.folder.appending(path: name)
    guard FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) else { return nil }
    do {
      return try JSON(parsing: [UInt8](Data(contentsOf: url)))
    } catch let error as JSONError {
      throw CheckpointError(url, "\(error)")
    }
  }
}

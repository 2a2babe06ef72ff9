import Foundation
import WalshCheckpoints

/// The tokenizer of a new model: a given one, or one trained on the text; with what its folder needs of it.
struct TrainingTokenizer {
  let tokenizer: Tokenizer
  /// The folder whose tokenizer files are copied as they are; nil when `files` are all.
  let source: URL?
  /// Files made here, by name.
  let files: [String: [UInt8]]

  /// The tokenizer that `configuration` names, or else one trained on `text`.
  ///
  /// - Throws: `TokenizerError` and what reading files throws.
  init(_ configuration: TrainingConfiguration, text: TrainingText) throws {
    if let path = configuration.tokenizer {
      var folder = URL(filePath: path, directoryHint: .checkFileSystem)
      if !folder.hasDirectoryPath { folder.deleteLastPathComponent() }
      try self.init(folder: folder)
    } else {
      let trained = TokenizerTraining(vocabularySize: configuration.model.vocabulary).files(for: text.documents)
      self.init(
        tokenizer: try Tokenizer(tokenizerJSON: trained.tokenizerJSON, configuration: trained.configurationJSON),
        source: nil, files: trained.contents)
    }
  }

  /// The tokenizer of the model in `folder`.
  init(folder: URL) throws {
    do { self.init(tokenizer: try Tokenizer(folder: folder), source: folder, files: [:]) } catch {
      throw TrainingError(folder, "its tokenizer cannot be used: \(error)")
    }
  }

  private init(tokenizer: Tokenizer, source: URL?, files: [String: [UInt8]]) {
    self.tokenizer = tokenizer
    self.source = source
    self.files = files
  }
}

import Foundation

/// A tokenizer as tokenizer.json of Hugging Face describes it: text to token ids and back.
///
/// Encoding finds the added tokens in the text, normalizes what is between them, cuts it into pieces,
/// encodes the pieces with the model (BPE, WordPiece, Unigram or WordLevel) and puts the special tokens
/// of the template around the ids. The ids equal those of the `tokenizers` library, byte for byte.
///
/// Ids are those written in the file. Truncation and padding in the file are ignored, see ``notes``.
public struct Tokenizer: Sendable {
  /// What of the file is ignored on purpose, one sentence each, to be shown to the user.
  public let notes: [String]

  /// The number of different tokens, added ones included. Ids may have gaps; see ``idLimit``.
  public let vocabularySize: Int

  /// One more than the largest id.
  public let idLimit: Int

  /// The id of the token that begins a text, when tokenizer_config.json names it and the vocabulary has it.
  public let beginningOfTextID: Int?

  /// The id of the token that ends a text, when tokenizer_config.json names it and the vocabulary has it.
  public let endOfTextID: Int?

  private let normalizer: (any Normalizer)?
  private let pretokenizer: (any Pretokenizer)?
  private let model: any SubwordModel
  private let postprocessor: Postprocessor
  private let decoder: (any TokenDecoder)?
  private let added: AddedTokens
  private let addedByID: [Int: AddedTokens.Token]

  /// The tokenizer that `tokenizerJSON`, the parsed tokenizer.json, describes.
  ///
  /// - Parameter configuration: The parsed tokenizer_config.json, for the tokens that begin and end texts.
  /// - Throws: ``TokenizerError`` when a field is missing, contradictory or unknown. Nothing is left to
  ///   fail afterwards: encoding and decoding never do.
  public init(tokenizerJSON: JSON, configuration: JSON? = nil) throws(TokenizerError) {
    let file = TokenizerField(value: tokenizerJSON, path: "")
    _ = try file.members()
    normalizer = try file["normalizer"]?.normalizer()
    pretokenizer = try file["pre_tokenizer"]?.pretokenizer()
    model = try file.required("model").model()
    postprocessor = try file["post_processor"]?.postprocessor() ?? Postprocessor()
    decoder = try file["decoder"]?.decoder()
    added = try AddedTokens(file["added_tokens"], normalizer: normalizer)
    addedByID = try Self.addedByID(added, vocabulary: model.vocabulary)

    let vocabulary = model.vocabulary
    vocabularySize = vocabulary.count + addedByID.keys.count { vocabulary.token(of: $0) == nil }
    idLimit = max(vocabulary.idLimit, (addedByID.keys.max() ?? -1) + 1)
    for id in postprocessor.prefix + postprocessor.suffix
    where vocabulary.token(of: id) == nil && addedByID[id] == nil {
      throw TokenizerError(
        field: "post_processor", cause: "adds the id \(id), which no token has", fix: "correct the id")
    }
    notes = ["truncation", "padding"].filter { file[$0] != nil }.map {
      "tokenizer.json: \($0) is ignored, because Walsh decides on the length of its texts itself."
    }
    let added = addedByID
    func id(_ name: String) -> Int? {
      guard let entry = configuration?[name], let token = entry.stringValue ?? entry["content"]?.stringValue else {
        return nil
      }
      return Self.id(of: token, added: added, vocabulary: vocabulary)
    }
    beginningOfTextID = id("bos_token")
    endOfTextID = id("eos_token")
  }

  /// The tokenizer of the model in `folder`: its tokenizer.json and, if there, its tokenizer_config.json.
  ///
  /// - Throws: ``TokenizerError``, ``JSONError``, or what reading a file throws.
  public init(folder: URL) throws {
    func json(_ name: String) throws -> JSON? {
      let url = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: url.path) else { return nil }
      return try JSON(parsing: Array(try Data(contentsOf: url)))
    }
    guard let file = try json("tokenizer.json") else {
      throw TokenizerError(
        field: "the file", cause: "is missing in \(folder.path)",
        fix: "convert the model's tokenizer to a fast one, which writes it")
    }
    try self.init(tokenizerJSON: file, configuration: json("tokenizer_config.json"))
  }

  private static func addedByID(
    _ added: AddedTokens, vocabulary: Vocabulary
  ) throws(TokenizerError) -> [Int: AddedTokens.Token] {
    var result: [Int: AddedTokens.Token] = [:]
    for (index, token) in added.tokens.enumerated() {
      let field = "added_tokens[\(index)]"
      func conflict(_ cause: String) -> TokenizerError {
        TokenizerError(field: field, cause: cause, fix: "give every token one id of its own")
      }
      if let known = vocabulary.id(of: token.content), known != token.id {
        throw conflict("gives \"\(token.content)\" the id \(token.id), the vocabulary gives it \(known)")
      }
      if let other = vocabulary.token(of: token.id), vocabulary.id(of: token.content) == nil {
        throw conflict("gives \"\(token.content)\" the id \(token.id), which is that of \"\(other)\"")
      }
      if let other = result.updateValue(token, forKey: token.id),
        !other.content.utf8.elementsEqual(token.content.utf8)
      {
        throw conflict("gives \"\(token.content)\" the id \(token.id), which is that of \"\(other.content)\"")
      }
    }
    return result
  }

  // MARK: Tokens

  private static func id(of token: String, added: [Int: AddedTokens.Token], vocabulary: Vocabulary) -> Int? {
    vocabulary.id(of: token) ?? added.first { $1.content.utf8.elementsEqual(token.utf8) }?.key
  }

  /// The id of a token as the file writes it; nil when there is none. Compares UTF-8 bytes.
  public func id(of token: String) -> Int? { Self.id(of: token, added: addedByID, vocabulary: model.vocabulary) }

  /// The token of an id as the file writes it; nil when there is none.
  public func token(of id: Int) -> String? { addedByID[id]?.content ?? model.vocabulary.token(of: id) }

  /// Whether `id` is a special token, one that ``decode(_:skippingSpecialTokens:)`` can skip.
  public func isSpecial(_ id: Int) -> Bool { addedByID[id]?.isSpecial ?? false }

  // MARK: Encoding

  /// The ids of `text`.
  ///
  /// - Parameter addingSpecialTokens: Whether the tokens of the post-processor's template, such as a
  ///   beginning of text, are put around. Special tokens written in the text are found either way.
  ///
  /// Cost: near linear; n log n in the longest piece.
  public func encode(_ text: String, addingSpecialTokens: Bool = true) -> [Int] {
    var encoder = PieceEncoder(model: model)
    var text = text
    text.withUTF8 { bytes in
      for segment in added.segments(of: bytes, isNormalized: false) {
        switch segment {
        case .token(let id): encoder.ids.append(id)
        case .text(let range): encode(bytes.slice(range), beginsText: range.lowerBound == 0, with: &encoder)
        }
      }
    }
    return addingSpecialTokens ? postprocessor.apply(to: encoder.ids) : encoder.ids
  }

  private func encode(_ text: UnsafeBufferPointer<UInt8>, beginsText: Bool, with encoder: inout PieceEncoder) {
    guard let normalizer else { return encodeNormalized(text, beginsText: beginsText, with: &encoder) }
    var normalized = normalizer.normalized(String(decoding: text, as: UTF8.self))
    normalized.withUTF8 { encodeNormalized($0, beginsText: beginsText, with: &encoder) }
  }

  private func encodeNormalized(
    _ text: UnsafeBufferPointer<UInt8>, beginsText: Bool, with encoder: inout PieceEncoder
  ) {
    for segment in added.segments(of: text, isNormalized: true) {
      switch segment {
      case .token(let id): encoder.ids.append(id)
      case .text(let range):
        let pieces = Pieces(Array(text[range]), beginsText: beginsText && range.lowerBound == 0)
        encoder.encode(pretokenizer?.split(pieces) ?? pieces)
      }
    }
  }

  // MARK: Decoding

  /// The text of `ids`. Ids that no token has are skipped; bytes that are no UTF-8 become U+FFFD.
  public func decode(_ ids: [Int], skippingSpecialTokens: Bool = false) -> String {
    let tokens = ids.compactMap { skippingSpecialTokens && isSpecial($0) ? nil : token(of: $0) }
    guard let decoder else { return tokens.joined(separator: " ") }
    return decoder.decode(tokens).joined()
  }

  /// A decoder that takes ids one by one, as they are generated.
  public func streamingDecoder(skippingSpecialTokens: Bool = false) -> StreamingDecoder {
    StreamingDecoder(tokenizer: self, skippingSpecialTokens: skippingSpecialTokens)
  }
}

/// Turns tokens back into text, one step of a chain: the strings of the last step are joined.
protocol TokenDecoder: Sendable {
  func decode(_ tokens: [String]) -> [String]
}

/// Decoders one after the other.
struct DecoderSequence: TokenDecoder {
  let parts: [any TokenDecoder]

  func decode(_ tokens: [String]) -> [String] { parts.reduce(tokens) { $1.decode($0) } }
}

extension TokenizerField {
  /// The decoder this field describes.
  func decoder() throws(TokenizerError) -> any TokenDecoder {
    switch try componentType() {
    case "Sequence":
      var parts: [any TokenDecoder] = []
      for part in try required("decoders").elements() { parts.append(try part.decoder()) }
      return DecoderSequence(parts: parts)
    case "ByteLevel": return ByteLevelDecoder()
    case "ByteFallback": return ByteFallbackDecoder()
    case "Fuse": return FuseDecoder()
    case "Metaspace":
      return MetaspaceDecoder(
        replacement: try metaspaceReplacement(), dropsFirst: try prependScheme() != .never)
    case "Replace":
      return ReplaceDecoder(
        replacement: Replacement(
          pattern: try required("pattern").splitPattern(), content: try required("content").string()))
    case "Strip":
      let content = try required("content")
      guard let scalar = try content.string().unicodeScalars.first else { throw content.error("is empty") }
      return StripDecoder(
        content: scalar, start: try self["start"]?.count() ?? 0, stop: try self["stop"]?.count() ?? 0)
    case "WordPiece":
      return WordPieceDecoder(
        prefix: try string("prefix") ?? "##", cleansUp: try flag("cleanup", default: true))
    case "BPEDecoder": return SuffixDecoder(suffix: try string("suffix") ?? "</w>")
    case let type: throw unknownComponent(type)
    }
  }
}

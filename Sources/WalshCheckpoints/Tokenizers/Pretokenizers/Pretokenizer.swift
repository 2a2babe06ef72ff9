/// Text cut into the pieces that the model encodes one by one: UTF-8 bytes and the ranges of the
/// pieces in order. Bytes outside all ranges are dropped.
struct Pieces {
  var bytes: [UInt8]
  var ranges: [Range<Int>]

  /// Whether the bytes begin where the user's text does.
  var beginsText: Bool

  /// One piece of all `bytes`; none when there are no bytes.
  init(_ bytes: [UInt8], beginsText: Bool) {
    self.bytes = bytes
    self.beginsText = beginsText
    ranges = bytes.isEmpty ? [] : [0..<bytes.count]
  }

  /// The pieces with their bytes written anew by `rewrite(piece, beginsText, output)`.
  func rewritten(_ rewrite: (UnsafeBufferPointer<UInt8>, Bool, inout [UInt8]) -> Void) -> Pieces {
    var result = Pieces([], beginsText: beginsText && ranges.first?.lowerBound == 0)
    result.bytes.reserveCapacity(bytes.count + bytes.count / 2)
    result.ranges.reserveCapacity(ranges.count)
    bytes.withUnsafeBufferPointer { bytes in
      for range in ranges {
        let start = result.bytes.count
        rewrite(bytes.slice(range), beginsText && range.lowerBound == 0, &result.bytes)
        if result.bytes.count > start { result.ranges.append(start..<result.bytes.count) }
      }
    }
    return result
  }
}

/// Cuts text into pieces that tokens never cross.
protocol Pretokenizer: Sendable {
  func split(_ pieces: Pieces) -> Pieces
}

/// Pre-tokenizers one after the other.
struct PretokenizerSequence: Pretokenizer {
  let parts: [any Pretokenizer]

  func split(_ pieces: Pieces) -> Pieces { parts.reduce(pieces) { $1.split($0) } }
}

extension TokenizerField {
  /// The pre-tokenizer this field describes.
  func pretokenizer() throws(TokenizerError) -> any Pretokenizer {
    switch try componentType() {
    case "Sequence":
      var parts: [any Pretokenizer] = []
      for part in try required("pretokenizers").elements() { parts.append(try part.pretokenizer()) }
      return PretokenizerSequence(parts: parts)
    case "ByteLevel":
      return ByteLevelPretokenizer(
        addsPrefixSpace: try flag("add_prefix_space", default: true),
        pattern: try flag("use_regex", default: true) ? WordScanner.gpt2 : nil)
    case "Split":
      return SplitPretokenizer(
        pattern: try required("pattern").splitPattern(), behaviour: try required("behavior").splitBehaviour(),
        inverted: try flag("invert", default: false))
    case "Whitespace": return SplitPretokenizer(pattern: WordRuns(), behaviour: .removed, inverted: true)
    case "WhitespaceSplit": return SplitPretokenizer(pattern: ScalarPattern { $0.isWhitespace }, behaviour: .removed)
    case "BertPreTokenizer":
      return PretokenizerSequence(parts: [
        SplitPretokenizer(pattern: ScalarPattern { $0.isWhitespace }, behaviour: .removed),
        SplitPretokenizer(pattern: ScalarPattern { $0.isPunctuation }, behaviour: .isolated),
      ])
    case "Digits":
      return SplitPretokenizer(
        pattern: ScalarPattern { $0.isNumber },
        behaviour: try flag("individual_digits", default: false) ? .isolated : .contiguous)
    case "Punctuation":
      return SplitPretokenizer(
        pattern: ScalarPattern { $0.isPunctuation },
        behaviour: try self["behavior"]?.splitBehaviour() ?? .isolated)
    case "CharDelimiterSplit":
      let delimiter = try required("delimiter")
      return SplitPretokenizer(pattern: try LiteralPattern(delimiter), behaviour: .removed)
    case "Metaspace": return try MetaspacePretokenizer(self)
    case let type: throw unknownComponent(type)
    }
  }
}

import Foundation

/// Reads the tokens in ``ByteAlphabet``; bytes that are no UTF-8 become U+FFFD.
struct ByteLevelDecoder: TokenDecoder {
  func decode(_ tokens: [String]) -> [String] {
    [String(decoding: tokens.flatMap(ByteAlphabet.read), as: UTF8.self)]
  }
}

/// Joins tokens `<0xNN>` that follow each other to the text of their bytes; one U+FFFD for each when
/// that is no UTF-8.
struct ByteFallbackDecoder: TokenDecoder {
  func decode(_ tokens: [String]) -> [String] {
    var result: [String] = []
    var bytes: [UInt8] = []
    func flush() {
      guard !bytes.isEmpty else { return }
      if let text = String(validating: bytes, as: UTF8.self) {
        result.append(text)
      } else {
        result.append(contentsOf: repeatElement("\u{FFFD}", count: bytes.count))
      }
      bytes.removeAll()
    }
    for token in tokens {
      if let byte = Self.byte(of: token) {
        bytes.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }

  private static func byte(of token: String) -> UInt8? {
    let bytes = Array(token.utf8)
    guard bytes.count == 6, bytes.starts(with: "<0x".utf8), bytes[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: bytes[3...4], as: UTF8.self), radix: 16)
  }
}

/// Joins all tokens to one.
struct FuseDecoder: TokenDecoder {
  func decode(_ tokens: [String]) -> [String] { [tokens.joined()] }
}

/// Turns the marks of ``MetaspacePretokenizer`` back into spaces, those of the first token into nothing.
struct MetaspaceDecoder: TokenDecoder {
  let replacement: String
  let dropsFirst: Bool

  func decode(_ tokens: [String]) -> [String] {
    let mark = replacement.unicodeScalars.first
    return tokens.enumerated().map { index, token in
      var text = String.UnicodeScalarView()
      for scalar in token.unicodeScalars {
        if scalar != mark {
          text.append(scalar)
        } else if index > 0 || !dropsFirst {
          text.append(" ")
        }
      }
      return String(text)
    }
  }
}

/// Replaces the matches of a pattern in every token.
struct ReplaceDecoder: TokenDecoder {
  let replacement: Replacement

  func decode(_ tokens: [String]) -> [String] { tokens.map(replacement.applied) }
}

/// Removes at most so many of one scalar from both ends of every token.
struct StripDecoder: TokenDecoder {
  let content: Unicode.Scalar
  let start: Int
  let stop: Int

  func decode(_ tokens: [String]) -> [String] {
    tokens.map { token in
      var scalars = token.unicodeScalars[...]
      var left = start
      while left > 0, scalars.first == content {
        scalars.removeFirst()
        left -= 1
      }
      var right = stop
      while right > 0, scalars.last == content {
        scalars.removeLast()
        right -= 1
      }
      return String(scalars)
    }
  }
}

/// Joins WordPiece tokens: those with the prefix to their predecessor, the others after a space.
struct WordPieceDecoder: TokenDecoder {
  let prefix: String
  let cleansUp: Bool

  /// The spaces BERT's tokenizer put before punctuation and English contractions.
  private static let cleanUp = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { Replacement(pattern: LiteralPattern(literal: Array($0.utf8)), content: $1) }

  func decode(_ tokens: [String]) -> [String] {
    tokens.enumerated().map { index, token in
      var token = token
      if index > 0 {
        let continues = token.utf8.starts(with: prefix.utf8)
        token = continues ? String(decoding: token.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : " " + token
      }
      return cleansUp ? Self.cleanUp.reduce(token) { $1.applied(to: $0) } : token
    }
  }
}

/// Turns the suffix that ends words into a space, into nothing in the last token.
struct SuffixDecoder: TokenDecoder {
  let suffix: String

  func decode(_ tokens: [String]) -> [String] {
    guard !suffix.utf8.isEmpty else { return tokens }
    let pattern = LiteralPattern(literal: Array(suffix.utf8))
    return tokens.enumerated().map { index, token in
      Replacement(pattern: pattern, content: index + 1 == tokens.count ? "" : " ").applied(to: token)
    }
  }
}

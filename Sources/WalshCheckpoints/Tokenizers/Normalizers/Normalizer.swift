import Foundation

/// Rewrites text before it is cut into pieces.
protocol Normalizer: Sendable {
  func normalized(_ text: String) -> String
}

/// Normalizers one after the other.
struct NormalizerSequence: Normalizer {
  let parts: [any Normalizer]

  func normalized(_ text: String) -> String { parts.reduce(text) { $1.normalized($0) } }
}

extension TokenizerField {
  /// The normalizer this field describes.
  func normalizer() throws(TokenizerError) -> any Normalizer {
    switch try componentType() {
    case "Sequence":
      var parts: [any Normalizer] = []
      for part in try required("normalizers").elements() { parts.append(try part.normalizer()) }
      return NormalizerSequence(parts: parts)
    case "NFC": return UnicodeNormalizer(form: .nfc)
    case "NFD": return UnicodeNormalizer(form: .nfd)
    case "NFKC": return UnicodeNormalizer(form: .nfkc)
    case "NFKD": return UnicodeNormalizer(form: .nfkd)
    case "Lowercase": return LowercaseNormalizer()
    case "StripAccents": return ScalarNormalizer { $0.isMark ? nil : $0 }
    case "Nmt": return ScalarNormalizer(nmtMapping)
    case "BertNormalizer":
      let lowercases = try flag("lowercase", default: true)
      return BertNormalizer(
        cleansText: try flag("clean_text", default: true),
        spacesChinese: try flag("handle_chinese_chars", default: true),
        stripsAccents: try flag("strip_accents", default: lowercases), lowercases: lowercases)
    case "Replace":
      return ReplaceNormalizer(
        replacement: Replacement(
          pattern: try required("pattern").splitPattern(), content: try required("content").string()))
    case "Prepend": return PrependNormalizer(prefix: try required("prepend").string())
    case "Strip":
      return StripNormalizer(
        left: try flag("strip_left", default: true), right: try flag("strip_right", default: true))
    case "ByteLevel": return ByteLevelNormalizer()
    case "Precompiled": return try PrecompiledNormalizer(try required("precompiled_charsmap"))
    case let type: throw unknownComponent(type)
    }
  }
}

/// One of the normalization forms of Unicode annex 15.
struct UnicodeNormalizer: Normalizer {
  enum Form: Sendable { case nfc, nfd, nfkc, nfkd }

  let form: Form

  func normalized(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
    return switch form {
    case .nfc: text.precomposedStringWithCanonicalMapping
    case .nfd: text.decomposedStringWithCanonicalMapping
    case .nfkc: text.precomposedStringWithCompatibilityMapping
    case .nfkd: text.decomposedStringWithCompatibilityMapping
    }
  }
}

/// Lower case scalar by scalar, without regard to the neighbours (no final sigma).
struct LowercaseNormalizer: Normalizer {
  func normalized(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if scalar.isASCII {
        let isUppercase = ("A"..."Z").contains(scalar)
        result.append(isUppercase ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
      } else {
        result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      }
    }
    return String(result)
  }
}

/// Maps every scalar to another or to nothing.
struct ScalarNormalizer: Normalizer {
  let map: @Sendable (Unicode.Scalar) -> Unicode.Scalar?

  init(_ map: @escaping @Sendable (Unicode.Scalar) -> Unicode.Scalar?) { self.map = map }

  func normalized(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { if let mapped = map(scalar) { result.append(mapped) } }
    return String(result)
  }
}

/// SentencePiece's rule `nmt`: control characters vanish, all kinds of separators become spaces.
private let nmtMapping: @Sendable (Unicode.Scalar) -> Unicode.Scalar? = { scalar in
  switch scalar.value {
  case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: nil
  case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: " "
  default: scalar
  }
}

/// Puts a string before every text that is not empty.
struct PrependNormalizer: Normalizer {
  let prefix: String

  func normalized(_ text: String) -> String { text.utf8.isEmpty ? text : prefix + text }
}

/// Removes white space at the ends.
struct StripNormalizer: Normalizer {
  let left: Bool
  let right: Bool

  func normalized(_ text: String) -> String {
    var scalars = text.unicodeScalars[...]
    if left { scalars = scalars.drop { $0.isWhitespace } }
    while right, let last = scalars.last, last.isWhitespace { scalars.removeLast() }
    return String(scalars)
  }
}

/// Writes the bytes of the text in ``ByteAlphabet``.
struct ByteLevelNormalizer: Normalizer {
  func normalized(_ text: String) -> String {
    var text = text
    var bytes: [UInt8] = []
    text.withUTF8 { ByteAlphabet.write($0, to: &bytes) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Replaces the matches of a pattern; both normalizers and decoders do.
struct Replacement: Sendable {
  let pattern: any SplitPattern
  let content: String

  func applied(to text: String) -> String {
    var text = text
    var result: [UInt8] = []
    text.withUTF8 { bytes in
      pattern.forEachSegment(of: bytes) { range, isMatch in
        if isMatch { result.append(contentsOf: content.utf8) } else { result.append(contentsOf: bytes[range]) }
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}

/// Replaces the matches of a pattern.
struct ReplaceNormalizer: Normalizer {
  let replacement: Replacement

  func normalized(_ text: String) -> String { replacement.applied(to: text) }
}

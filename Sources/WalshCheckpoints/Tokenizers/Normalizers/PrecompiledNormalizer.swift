import Foundation

/// SentencePiece's compiled normalization rules: a double-array trie (Darts) from strings to their
/// replacements, kept in base64.
///
/// The blob is the size of the trie in bytes (32 bits), its units (32 bits each), then the replacements,
/// each ended by a zero byte.
struct PrecompiledNormalizer: Normalizer {
  private let units: [UInt32]
  private let replacements: [UInt8]

  init(_ field: TokenizerField) throws(TokenizerError) {
    guard let blob = Data(base64Encoded: try field.string()) else { throw field.error("is not base64") }
    let bytes = [UInt8](blob)
    func word(_ offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) }
    }
    guard bytes.count >= 4, case let size = Int(word(0)), size % 4 == 0, size > 0, size <= bytes.count - 4 else {
      throw field.error("is shorter than the trie it announces")
    }
    units = stride(from: 4, to: 4 + size, by: 4).map(word)
    replacements = Array(bytes[(4 + size)...])
  }

  func normalized(_ text: String) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    for character in text {
      // The original's limit: longer grapheme clusters are taken scalar by scalar.
      if character.utf8.count < 6, let replacement = replacement(of: character.utf8) {
        result.append(contentsOf: replacement)
        continue
      }
      for scalar in character.unicodeScalars {
        let bytes = UTF8.encode(scalar).map(Array.init) ?? []
        result.append(contentsOf: replacement(of: bytes) ?? bytes[...])
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The replacement of the shortest string in the trie that begins `key`.
  private func replacement(of key: some Sequence<UInt8>) -> ArraySlice<UInt8>? {
    var node = offset(units[0])
    for byte in key {
      node ^= Int(byte)
      guard byte != 0, units.indices.contains(node) else { return nil }
      let unit = units[node]
      guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
      node ^= offset(unit)
      if unit >> 8 & 1 == 1 {
        guard units.indices.contains(node) else { return nil }
        let start = Int(units[node] & 0x7FFF_FFFF)
        guard start <= replacements.count else { return nil }
        return replacements[start...].prefix { $0 != 0 }
      }
    }
    return nil
  }

  private func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }
}

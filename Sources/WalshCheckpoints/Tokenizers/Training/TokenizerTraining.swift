/// Trains byte-level BPE tokenizers: GPT-2's words and byte alphabet, merges learnt from a text.
///
/// The vocabulary holds the special tokens, the 256 bytes in the order of their scalars, then the merges: whatever the
/// text, every string can be encoded and comes back. The files are those of Hugging Face.
public struct TokenizerTraining: Sendable {
  /// The most tokens of the vocabulary, at least 258: two special tokens and the bytes.
  public var vocabularySize: Int
  /// The fewest occurrences of a pair worth a token. What occurs once teaches nothing.
  public var minimumCount: Int

  /// The token that begins a text, with the id 0.
  public static let beginToken = "<s>"
  /// The token that ends a text, with the id 1.
  public static let endToken = "</s>"
  /// The fewest tokens of a vocabulary.
  public static let smallestVocabulary = 258

  /// A training that stops at `vocabularySize` tokens, or when no pair of tokens occurs `minimumCount` times.
  public init(vocabularySize: Int, minimumCount: Int = 2) {
    precondition(
      vocabularySize >= Self.smallestVocabulary,
      "A byte-level vocabulary has at least \(Self.smallestVocabulary) tokens.")
    self.vocabularySize = vocabularySize
    self.minimumCount = minimumCount
  }

  /// The tokenizer of `documents`; the same documents give the same bytes.
  ///
  /// The vocabulary is smaller than asked when no pair is left that occurs often enough.
  public func files(for documents: [String]) -> TokenizerFiles {
    var tokens = [Self.beginToken, Self.endToken]
    var ids = ByteStringTable(capacity: vocabularySize)
    var byteIDs = [Int32](repeating: 0, count: 256)
    for (byte, scalar) in ByteAlphabet.scalars.enumerated().sorted(by: { $0.element < $1.element }) {
      byteIDs[byte] = Int32(tokens.count)
      tokens.append(Unicode.Scalar(scalar).map { String($0) } ?? "")
    }
    func register(_ token: String, _ id: Int) {
      _ = Array(token.utf8).withUnsafeBufferPointer { ids.insert($0, value: id) }
    }
    for (id, token) in tokens.enumerated() { register(token, id) }

    var training = BytePairTraining(words: Self.words(of: documents, byteIDs: byteIDs))
    var merges: [(String, String)] = []
    while tokens.count < vocabularySize, let pair = training.nextPair(atLeast: minimumCount) {
      let (left, right) = (tokens[Int(pair.left)], tokens[Int(pair.right)])
      let merged = left + right
      // Two ways may lead to one token, which then has two merges.
      let known = Array(merged.utf8).withUnsafeBufferPointer { ids.value(of: $0) }
      let id = known ?? tokens.count
      if known == nil {
        register(merged, id)
        tokens.append(merged)
      }
      merges.append((left, right))
      training.merge(pair, to: Int32(id))
    }
    return TokenizerFiles(tokens: tokens, merges: merges)
  }

  /// The different words of `documents` as ids of bytes, in the order of their first occurrence, with their counts.
  private static func words(of documents: [String], byteIDs: [Int32]) -> [(symbols: [Int32], count: Int)] {
    var table = ByteStringTable()
    var words: [(symbols: [Int32], count: Int)] = []
    for var document in documents {
      document.withUTF8 { bytes in
        WordScanner.gpt2.forEachSegment(of: bytes) { range, _ in
          let word = bytes.slice(range)
          if let index = table.value(of: word) {
            words[index].count += 1
          } else {
            _ = table.insert(word, value: words.count)
            words.append((word.map { byteIDs[Int($0)] }, 1))
          }
        }
      }
    }
    return words
  }
}

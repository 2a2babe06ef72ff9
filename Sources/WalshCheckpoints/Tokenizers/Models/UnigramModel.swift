/// The unigram language model (Kudo 2018): the division of the piece into tokens with the greatest
/// sum of log probabilities, found by Viterbi's algorithm.
///
/// A scalar no token covers costs ten less than the rarest token; neighbouring ones fuse to one.
struct UnigramModel: SubwordModel {
  let vocabulary: Vocabulary
  private let scores: [Double]
  private let trie: ByteTrie
  private let unknownID: Int
  private let unknownScore: Double
  private let byteTokens: [Int?]?

  init(_ field: TokenizerField) throws(TokenizerError) {
    let list = try field.required("vocab")
    let entries = try list.elements()
    if entries.isEmpty { throw list.error("is empty") }
    var vocabulary = Vocabulary(capacity: entries.count)
    var scores: [Double] = []
    var trie = ByteTrie()
    for (id, entry) in entries.enumerated() {
      guard let parts = entry.value.arrayValue, parts.count == 2, let token = parts[0].stringValue,
        let score = parts[1].doubleValue
      else { throw entry.error("must be a token and its score, as [\"a\", -1.5]") }
      guard vocabulary.insert(token, id: id) else {
        throw entry.error("is the token \"\(token)\" for the second time")
      }
      scores.append(score)
      if !token.isEmpty { trie.insert(token.utf8, value: id) }
    }
    let unknown = try field.required("unk_id")
    unknownID = try unknown.count()
    guard unknownID < entries.count else {
      throw unknown.error("is \(unknownID), but the vocabulary has \(entries.count) tokens")
    }
    unknownScore = (scores.min() ?? 0) - 10
    byteTokens = try field.flag("byte_fallback", default: false) ? vocabulary.byteTokens : nil
    self.vocabulary = vocabulary
    self.scores = scores
    self.trie = trie
  }

  private struct Node {
    var start = -1
    var id = 0
    var score = 0.0
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int]) {
    let nodes = bestPath(piece)
    var tokens: [(range: Range<Int>, id: Int)] = []
    var end = piece.count
    while end > 0 {
      let node = nodes[end]
      if node.id == unknownID, let last = tokens.last, last.id == unknownID {
        tokens[tokens.count - 1].range = node.start..<last.range.upperBound
      } else {
        tokens.append((node.start..<end, node.id))
      }
      end = node.start
    }
    for token in tokens.reversed() {
      if token.id != unknownID {
        ids.append(token.id)
      } else {
        appendUnknown(piece.slice(token.range), to: &ids)
      }
    }
  }

  /// For every end of a scalar, the best token that ends there.
  private func bestPath(_ piece: UnsafeBufferPointer<UInt8>) -> [Node] {
    var nodes = Array(repeating: Node(), count: piece.count + 1)
    var start = 0
    while start < piece.count {
      let scoreHere = nodes[start].score
      let scalarLength = piece.scalar(at: start).length
      var coversScalar = false
      func offer(_ length: Int, _ id: Int, _ score: Double) {
        let end = start + length
        if nodes[end].start < 0 || score > nodes[end].score {
          nodes[end] = Node(start: start, id: id, score: score)
        }
      }
      trie.forEachPrefix(of: piece, from: start) { length, id in
        offer(length, id, scoreHere + scores[id])
        if length == scalarLength { coversScalar = true }
      }
      if !coversScalar { offer(scalarLength, unknownID, scoreHere + unknownScore) }
      start += scalarLength
    }
    return nodes
  }

  private func appendUnknown(_ text: UnsafeBufferPointer<UInt8>, to ids: inout [Int]) {
    if let id = vocabulary.id(of: text) {
      ids.append(id)
    } else if let bytes = byteTokens.map({ table in text.compactMap { table[Int($0)] } }), bytes.count == text.count {
      ids.append(contentsOf: bytes)
    } else {
      ids.append(unknownID)
    }
  }
}

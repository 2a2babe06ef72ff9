/// Byte pair encoding (Sennrich et al. 2016): the pair of neighbours whose merge has the lowest rank,
/// the leftmost of equals, is joined until no pair of neighbours has a merge.
struct BytePairModel: SubwordModel {
  let vocabulary: Vocabulary
  /// (left, right) to (rank, merged).
  private let merges: PairTable
  private let unknownID: Int?
  private let fusesUnknown: Bool
  private let ignoresMerges: Bool
  private let byteTokens: [Int?]?
  private let prefix: [UInt8]
  private let suffix: [UInt8]

  init(_ field: TokenizerField) throws(TokenizerError) {
    if let dropout = field["dropout"], dropout.value.doubleValue != 0 {
      throw dropout.error("asks for random merges", "set it to null: ids must be reproducible")
    }
    vocabulary = try Vocabulary(try field.required("vocab"))
    unknownID = try field.tokenID("unk_token", in: vocabulary)
    fusesUnknown = try field.flag("fuse_unk", default: false)
    ignoresMerges = try field.flag("ignore_merges", default: false)
    byteTokens = try field.flag("byte_fallback", default: false) ? vocabulary.byteTokens : nil
    prefix = Array(try field.string("continuing_subword_prefix").map(\.utf8) ?? "".utf8)
    suffix = Array(try field.string("end_of_word_suffix").map(\.utf8) ?? "".utf8)
    merges = try Self.readMerges(try field.required("merges"), vocabulary: vocabulary, prefixLength: prefix.count)
  }

  private static func readMerges(
    _ field: TokenizerField, vocabulary: Vocabulary, prefixLength: Int
  ) throws(TokenizerError) -> PairTable {
    guard let list = field.value.arrayValue else { throw field.error("must be an array of pairs") }
    var table = PairTable(capacity: list.count)
    for (rank, entry) in list.enumerated() {
      let here = TokenizerField(value: entry, path: "\(field.path)[\(rank)]")
      guard let (left, right) = pair(entry) else {
        throw here.error("must be two tokens, as \"a b\" or [\"a\", \"b\"]")
      }
      guard let leftID = vocabulary.id(of: left), let rightID = vocabulary.id(of: right) else {
        throw here.error("joins \"\(left)\" and \"\(right)\", of which the vocabulary lacks one")
      }
      let merged = left + String(decoding: right.utf8.dropFirst(prefixLength), as: UTF8.self)
      guard let mergedID = vocabulary.id(of: merged) else {
        throw here.error("makes \"\(merged)\", which the vocabulary lacks")
      }
      table.set(Int32(leftID), Int32(rightID), to: Int32(rank), Int32(mergedID))
    }
    return table
  }

  private static func pair(_ entry: JSON) -> (String, String)? {
    switch entry {
    case .array(let parts):
      guard parts.count == 2, let left = parts[0].stringValue, let right = parts[1].stringValue else { return nil }
      return (left, right)
    case .string(let text):
      let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      return parts.count == 2 ? (String(parts[0]) ?? "", String(parts[1]) ?? "") : nil
    default: return nil
    }
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int]) {
    if ignoresMerges, let id = vocabulary.id(of: piece) {
      ids.append(id)
      return
    }
    var symbols = symbols(of: piece)
    merge(&symbols)
    for symbol in symbols where symbol >= 0 { ids.append(Int(symbol)) }
  }

  /// The ids of the single scalars; unknown ones become bytes, the unknown token, or nothing.
  private func symbols(of piece: UnsafeBufferPointer<UInt8>) -> [Int32] {
    var symbols: [Int32] = []
    symbols.reserveCapacity(piece.count)
    var unknownIsPending = false
    var index = 0
    while index < piece.count {
      let length = piece.scalar(at: index).length
      let scalar = piece.slice(index..<index + length)
      let found = id(of: scalar, isFirst: index == 0, isLast: index + length == piece.count)
      index += length
      if let id = found {
        if unknownIsPending, let unknownID { symbols.append(Int32(unknownID)) }
        unknownIsPending = false
        symbols.append(Int32(id))
      } else if let bytes = bytes(of: scalar) {
        symbols.append(contentsOf: bytes)
      } else if let unknownID {
        if unknownIsPending, !fusesUnknown { symbols.append(Int32(unknownID)) }
        unknownIsPending = true
      }
    }
    if unknownIsPending, let unknownID { symbols.append(Int32(unknownID)) }
    return symbols
  }

  private func id(of scalar: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool) -> Int? {
    let takesPrefix = !isFirst && !prefix.isEmpty
    let takesSuffix = isLast && !suffix.isEmpty
    guard takesPrefix || takesSuffix else { return vocabulary.id(of: scalar) }
    let token = (takesPrefix ? prefix : []) + scalar + (takesSuffix ? suffix : [])
    return token.withUnsafeBufferPointer { vocabulary.id(of: $0) }
  }

  private func bytes(of scalar: UnsafeBufferPointer<UInt8>) -> [Int32]? {
    guard let byteTokens else { return nil }
    let ids = scalar.compactMap { byteTokens[Int($0)].map(Int32.init) }
    return ids.count == scalar.count ? ids : nil
  }

  /// Joins neighbours in a linked list; what is joined to its left neighbour becomes -1. O(n log n).
  private func merge(_ symbols: inout [Int32]) {
    let count = symbols.count
    guard count > 1 else { return }
    var next = Array(1...count)
    var previous = Array(-1..<count - 1)
    var heap = MinimumHeap()
    heap.reserveCapacity(count)
    for left in 0..<count - 1 {
      if let merge = merges.packed(symbols[left], symbols[left + 1]) { heap.insert(Self.entry(merge, at: left)) }
    }
    while let entry = heap.removeSmallest() {
      let left = Int(entry & 0xFFFF_FFFF)
      let right = next[left]
      // An entry is stale when one of its symbols has been joined to another since.
      guard right < count, symbols[left] >= 0, let merge = merges.packed(symbols[left], symbols[right]),
        Self.entry(merge, at: left) == entry
      else { continue }
      symbols[left] = Int32(truncatingIfNeeded: merge & 0xFFFF_FFFF)
      symbols[right] = -1
      let following = next[right]
      next[left] = following
      if following < count {
        previous[following] = left
        if let merge = merges.packed(symbols[left], symbols[following]) { heap.insert(Self.entry(merge, at: left)) }
      }
      let preceding = previous[left]
      if preceding >= 0, let merge = merges.packed(symbols[preceding], symbols[left]) {
        heap.insert(Self.entry(merge, at: preceding))
      }
    }
  }

  /// The rank in the high half orders the heap; the place in the low half breaks ties to the left.
  private static func entry(_ merge: UInt64, at place: Int) -> UInt64 {
    (merge & 0xFFFF_FFFF_0000_0000) | UInt64(place)
  }
}

/// Learns the merges of byte pair encoding from a text (Sennrich et al. 2016).
///
/// The pair of neighbours that is most frequent inside words is joined to a new symbol, again and again. Of equally
/// frequent pairs the one with the lower left id comes first, then the one with the lower right id: the order of the
/// `tokenizers` library, which learns the same merges from the same text.
///
/// - Complexity: a merge touches the words that hold its pair; words are kept once with their number of occurrences.
struct BytePairTraining {
  /// Neighbours by their ids.
  struct Pair: Hashable {
    let left: Int32
    let right: Int32
  }

  /// The words, as ids.
  private var words: [[Int32]]
  /// How often each word occurs.
  private let occurrences: [Int]
  /// How often each pair occurs in the text.
  private var counts: [Pair: Int] = [:]
  /// The words that held a pair when it was counted; some may have lost it since.
  private var places: [Pair: [Int32]] = [:]
  private var candidates = PairHeap()

  /// - Parameter words: the different words of the text as ids, and how often each occurs.
  init(words: [(symbols: [Int32], count: Int)]) {
    self.words = words.map(\.symbols)
    occurrences = words.map(\.count)
    for (index, word) in words.enumerated() {
      var seen: Set<Pair> = []
      for (left, right) in zip(word.symbols, word.symbols.dropFirst()) {
        let pair = Pair(left: left, right: right)
        counts[pair, default: 0] += word.count
        if seen.insert(pair).inserted { places[pair, default: []].append(Int32(index)) }
      }
    }
    for (pair, count) in counts { candidates.insert(.init(pair: pair, count: count)) }
  }

  /// The most frequent pair, removed from the candidates; nil when none occurs `minimum` times.
  mutating func nextPair(atLeast minimum: Int) -> Pair? {
    while let best = candidates.removeFirst() {
      let count = counts[best.pair, default: 0]
      guard count == best.count else {
        // Counts change while a candidate waits; it goes back with the true one.
        if count >= minimum, count < best.count { candidates.insert(.init(pair: best.pair, count: count)) }
        continue
      }
      return count >= minimum ? best.pair : nil
    }
    return nil
  }

  /// Joins every occurrence of `pair` to `symbol`.
  mutating func merge(_ pair: Pair, to symbol: Int32) {
    var changes: [Pair: Int] = [:]
    for index in places.removeValue(forKey: pair) ?? [] {
      let before = words[Int(index)]
      let after = Self.merged(before, pair, symbol)
      guard after.count < before.count else { continue }
      let occurrences = occurrences[Int(index)]
      for (left, right) in zip(before, before.dropFirst()) {
        changes[Pair(left: left, right: right), default: 0] -= occurrences
      }
      var seen: Set<Pair> = []
      for (left, right) in zip(after, after.dropFirst()) {
        let new = Pair(left: left, right: right)
        changes[new, default: 0] += occurrences
        // Only a pair with the new symbol can be new to the word.
        if left == symbol || right == symbol, seen.insert(new).inserted { places[new, default: []].append(index) }
      }
      words[Int(index)] = after
    }
    for (changed, change) in changes where change != 0 {
      counts[changed, default: 0] += change
      if change > 0, changed != pair { candidates.insert(.init(pair: changed, count: counts[changed] ?? 0)) }
    }
    counts[pair] = nil
  }

  private static func merged(_ word: [Int32], _ pair: Pair, _ symbol: Int32) -> [Int32] {
    var result: [Int32] = []
    result.reserveCapacity(word.count)
    var i = 0
    while i < word.count {
      if i + 1 < word.count, word[i] == pair.left, word[i + 1] == pair.right {
        result.append(symbol)
        i += 2
      } else {
        result.append(word[i])
        i += 1
      }
    }
    return result
  }
}

/// A binary heap of pairs, most frequent first.
private struct PairHeap {
  struct Candidate {
    let pair: BytePairTraining.Pair
    let count: Int

    func precedes(_ other: Candidate) -> Bool {
      (other.count, pair.left, pair.right) < (count, other.pair.left, other.pair.right)
    }
  }

  private var entries: [Candidate] = []

  mutating func insert(_ candidate: Candidate) {
    var child = entries.count
    entries.append(candidate)
    while child > 0, candidate.precedes(entries[(child - 1) / 2]) {
      entries[child] = entries[(child - 1) / 2]
      child = (child - 1) / 2
    }
    entries[child] = candidate
  }

  mutating func removeFirst() -> Candidate? {
    guard let last = entries.popLast() else { return nil }
    guard let first = entries.first else { return last }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < entries.count else { break }
      if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
      guard entries[child].precedes(last) else { break }
      entries[parent] = entries[child]
      parent = child
    }
    entries[parent] = last
    return first
  }
}

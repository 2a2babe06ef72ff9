/// A trie of byte strings, each with an integer: finds every key that begins a text.
struct ByteTrie: Sendable {
  private var edges = PairTable()
  private var values: [Int32] = [-1]
  private var firstBytes = Array(repeating: false, count: 256)

  /// Adds `key`, which must not be empty, or replaces its value.
  mutating func insert(_ key: some Collection<UInt8>, value: Int) {
    guard let first = key.first else { preconditionFailure("A trie holds no empty key.") }
    firstBytes[Int(first)] = true
    var node: Int32 = 0
    for byte in key {
      if let edge = edges.packed(node, Int32(byte)) {
        node = Int32(truncatingIfNeeded: edge >> 32)
      } else {
        let child = Int32(values.count)
        edges.set(node, Int32(byte), to: child, 0)
        values.append(-1)
        node = child
      }
    }
    values[Int(node)] = Int32(value)
  }

  /// Calls `body` with the length and value of every key that begins `text[start...]`, shortest first.
  @inline(__always)
  func forEachPrefix(of text: UnsafeBufferPointer<UInt8>, from start: Int, _ body: (Int, Int) -> Void) {
    guard start < text.count, firstBytes[Int(text[start])] else { return }
    var node: Int32 = 0
    for position in start..<text.count {
      guard let edge = edges.packed(node, Int32(text[position])) else { return }
      node = Int32(truncatingIfNeeded: edge >> 32)
      let value = values[Int(node)]
      if value >= 0 { body(position + 1 - start, Int(value)) }
    }
  }

  /// The longest key that begins `text[start...]`.
  func longestPrefix(of text: UnsafeBufferPointer<UInt8>, from start: Int) -> (length: Int, value: Int)? {
    var longest: (Int, Int)?
    forEachPrefix(of: text, from: start) { longest = ($0, $1) }
    return longest
  }
}

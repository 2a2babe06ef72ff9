/// A hash table from pairs of 32-bit integers to pairs of 32-bit integers, by open addressing.
///
/// It holds the merges of a BPE model, (left, right) to (rank, merged), and the edges of a trie,
/// (node, byte) to (child, 0).
struct PairTable: Sendable {
  private var keys: [UInt64]
  private var values: [UInt64]
  private(set) var count = 0

  /// No pair has this key, because both halves of a key are at most `Int32.max`.
  private static let free = UInt64.max

  init(capacity: Int = 0) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    keys = Array(repeating: Self.free, count: size)
    values = Array(repeating: 0, count: size)
  }

  /// The value of (`left`, `right`): its first half in the high 32 bits.
  @inline(__always)
  func packed(_ left: Int32, _ right: Int32) -> UInt64? {
    let key = Self.pack(left, right)
    let slot = slot(of: key)
    return keys[slot] == key ? values[slot] : nil
  }

  /// Sets the value of a pair, replacing a former one.
  mutating func set(_ left: Int32, _ right: Int32, to first: Int32, _ second: Int32) {
    if 2 * (count + 1) > keys.count { grow() }
    let key = Self.pack(left, right)
    let slot = slot(of: key)
    if keys[slot] == Self.free { count += 1 }
    keys[slot] = key
    values[slot] = Self.pack(first, second)
  }

  @inline(__always)
  private static func pack(_ high: Int32, _ low: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: high)) << 32 | UInt64(UInt32(bitPattern: low))
  }

  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    let mask = keys.count - 1
    let hash = key &* 0x9E37_79B9_7F4A_7C15
    var slot = Int(truncatingIfNeeded: hash ^ (hash >> 32)) & mask
    while keys[slot] != key, keys[slot] != Self.free { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    var larger = PairTable(capacity: keys.count)
    for (key, value) in zip(keys, values) where key != Self.free {
      let slot = larger.slot(of: key)
      larger.keys[slot] = key
      larger.values[slot] = value
    }
    larger.count = count
    self = larger
  }
}

/// A hash table from byte strings to integers: open addressing, one flat buffer for all keys.
///
/// Look-up hashes the key eight bytes at a time and usually compares one candidate.
struct ByteStringTable: Sendable {
  private struct Entry: Sendable {
    var hash: UInt64
    var start: Int
    var count: Int
    var value: Int
  }

  private var bytes: [UInt8] = []
  private var entries: [Entry] = []
  private var slots: [Int32]

  /// The length of the longest key in bytes.
  private(set) var longestKey = 0

  init(capacity: Int = 0) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    slots = Array(repeating: -1, count: size)
    entries.reserveCapacity(capacity)
    bytes.reserveCapacity(8 * capacity)
  }

  var count: Int { entries.count }

  func value(of key: UnsafeBufferPointer<UInt8>) -> Int? {
    let entry = slots[slot(of: key, hash: Self.hash(key))]
    return entry < 0 ? nil : entries[Int(entry)].value
  }

  /// False, and no change, when the key is there already.
  mutating func insert(_ key: UnsafeBufferPointer<UInt8>, value: Int) -> Bool {
    if 2 * (entries.count + 1) > slots.count { grow() }
    let hash = Self.hash(key)
    let slot = slot(of: key, hash: hash)
    guard slots[slot] < 0 else { return false }
    slots[slot] = Int32(entries.count)
    entries.append(Entry(hash: hash, start: bytes.count, count: key.count, value: value))
    bytes.append(contentsOf: key)
    longestKey = max(longestKey, key.count)
    return true
  }

  /// The slot that holds `key`, or the free slot where it belongs.
  private func slot(of key: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    return bytes.withUnsafeBufferPointer { bytes in
      while slots[slot] >= 0 {
        let entry = entries[Int(slots[slot])]
        if entry.hash == hash, entry.count == key.count,
          UnsafeBufferPointer(rebasing: bytes[entry.start..<entry.start + entry.count]).elementsEqual(key)
        {
          break
        }
        slot = (slot + 1) & mask
      }
      return slot
    }
  }

  private mutating func grow() {
    let mask = 2 * slots.count - 1
    slots = Array(repeating: -1, count: mask + 1)
    for (index, entry) in entries.enumerated() {
      var slot = Int(truncatingIfNeeded: entry.hash) & mask
      while slots[slot] >= 0 { slot = (slot + 1) & mask }
      slots[slot] = Int32(index)
    }
  }

  /// A multiplicative hash; the last step mixes the high bits into the low ones that choose the slot.
  private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let prime: UInt64 = 0x9E37_79B9_7F4A_7C15
    var hash = UInt64(key.count) &* prime
    let raw = UnsafeRawBufferPointer(key)
    var offset = 0
    while offset + 8 <= key.count {
      hash = (hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* prime
      hash ^= hash >> 29
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < key.count {
      rest = rest << 8 | UInt64(key[offset])
      offset += 1
    }
    hash = (hash ^ rest) &* prime
    return hash ^ (hash >> 32)
  }
}

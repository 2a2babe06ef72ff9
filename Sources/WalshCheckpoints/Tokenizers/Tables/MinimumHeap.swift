/// A binary heap of integers that yields the smallest first.
struct MinimumHeap {
  private var values: [UInt64] = []

  mutating func reserveCapacity(_ count: Int) { values.reserveCapacity(count) }

  mutating func insert(_ value: UInt64) {
    var child = values.count
    values.append(value)
    while child > 0 {
      let parent = (child - 1) / 2
      guard values[parent] > value else { break }
      values[child] = values[parent]
      child = parent
    }
    values[child] = value
  }

  mutating func removeSmallest() -> UInt64? {
    guard let last = values.popLast() else { return nil }
    guard let smallest = values.first else { return last }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < values.count else { break }
      if child + 1 < values.count, values[child + 1] < values[child] { child += 1 }
      guard values[child] < last else { break }
      values[parent] = values[child]
      parent = child
    }
    values[parent] = last
    return smallest
  }
}

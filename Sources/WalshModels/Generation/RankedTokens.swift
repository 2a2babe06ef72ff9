import Foundation
import WalshTensor

/// The tokens of a distribution, most likely first, found one by one: a sampler seldom looks at more than a few of them.
///
/// Equal probabilities are ranked by index. Making it is O(vocabulary), each token O(log vocabulary).
struct RankedTokens: IteratorProtocol {
  /// A token with its probability relative to the most likely one.
  typealias Candidate = (token: Int, probability: Double)

  /// Σ of the probabilities of all tokens, relative to the most likely one.
  let total: Double
  /// A binary heap: no parent comes after its children.
  private var heap: [Candidate]

  /// - Parameters:
  ///   - logits: any shape.
  ///   - temperature: what they are divided by; positive.
  init(_ logits: Tensor, temperature: Float) {
    let top = logits.withUnsafeBufferPointer { $0.max() ?? 0 }
    heap = logits.withUnsafeBufferPointer { values in
      values.indices.map { ($0, Double(exp((values[$0] - top) / temperature))) }
    }
    total = heap.reduce(0) { $0 + $1.probability }
    for parent in (0..<heap.count / 2).reversed() { sink(parent) }
  }

  mutating func next() -> Candidate? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink(0)
    }
    return first
  }

  /// The next `count` tokens, or all that are left.
  mutating func prefix(_ count: Int) -> [Candidate] {
    var found: [Candidate] = []
    while found.count < count, let candidate = next() { found.append(candidate) }
    return found
  }

  private mutating func sink(_ start: Int) {
    var parent = start
    while 2 * parent + 1 < heap.count {
      var child = 2 * parent + 1
      if child + 1 < heap.count, precedes(child + 1, child) { child += 1 }
      guard precedes(child, parent) else { return }
      heap.swapAt(child, parent)
      parent = child
    }
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    (heap[a].probability, -heap[a].token) > (heap[b].probability, -heap[b].token)
  }
}

import Synchronization

/// The place of a tracked tensor in the graph of operations: what it was computed from, and how a gradient goes back.
///
/// Nodes hold their inputs, never their values: a pullback captures what it needs, detached. A graph lives as long as a
/// tensor at its end does.
final class GraphNode: @unchecked Sendable {
  /// Maps the gradient of a result to those of its inputs, nil where `isWanted` is false or the gradient is zero.
  typealias Pullback = @Sendable (_ gradient: Tensor, _ isWanted: [Bool]) -> [Tensor?]

  private static let created = Atomic<UInt64>(0)

  /// Counts nodes in the order of their creation, so that one that existed before a moment can be told from later ones.
  let number: UInt64
  /// The shape of the value.
  let shape: [Int]
  /// The function that computed the value, for messages.
  let operation: StaticString
  /// One for each input of the operation, nil where that is not tracked; empty for a leaf. Changed by `deinit` alone.
  private(set) var inputs: [GraphNode?]
  let pullback: Pullback

  init(
    shape: [Int], operation: StaticString, inputs: [GraphNode?] = [], pullback: @escaping Pullback = { _, _ in [] }
  ) {
    number = Self.created.add(1, ordering: .relaxed).oldValue
    self.shape = shape
    self.operation = operation
    self.inputs = inputs
    self.pullback = pullback
  }

  /// The number that the next node will have, or a later one.
  static var nextNumber: UInt64 { created.load(ordering: .relaxed) }

  /// Releases what only this node holds in a loop: a chain of a million nodes would overflow the stack by recursion.
  deinit {
    var pending = inputs
    inputs = []
    while var node = pending.popLast() {
      // Nobody else can reach a uniquely referenced node, so its inputs may be taken.
      if node != nil, isKnownUniquelyReferenced(&node) {
        pending += node?.inputs ?? []
        node?.inputs = []
      }
    }
  }
}

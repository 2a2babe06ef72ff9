import Foundation
import Synchronization
import TestSupport
import Testing
import WalshTensor

/// Counts the witnesses of it that are alive, and the most that ever were.
private final class Census: Sendable {
  private let counts = Mutex((alive: 0, most: 0))
  var alive: Int { counts.withLock { $0.alive } }
  var most: Int { counts.withLock { $0.most } }

  final class Witness: Sendable {
    let census: Census
    init(_ census: Census) {
      self.census = census
      census.counts.withLock { $0 = ($0.alive + 1, max($0.most, $0.alive + 1)) }
    }
    deinit { census.counts.withLock { $0.alive -= 1 } }
  }
}

extension Tensor {
  /// The identity, whose pullback holds a witness for as long as the graph remembers it.
  fileprivate func witnessed(by census: Census) -> Tensor {
    detached().recorded(from: self) { _ in
      let witness = Census.Witness(census)
      return { gradient in withExtendedLifetime(witness) { gradient } }
    }
  }
}

@Suite("The graph of operations")
struct GraphTests {
  @Test("Gradients add up over every path, and a value may be used any number of times")
  func paths() {
    let x = Tensor([3]).tracked()
    let y = x * x + x * 2 + x
    #expect(y.gradients(of: [x])[0].values == [9])
    // d/dx of ((x²)²)² is 8x⁷.
    #expect(x.squared().squared().squared().gradients(of: [x])[0].values == [17496])
  }

  @Test("Values on the way have gradients too, and the same variable may be asked for twice")
  func intermediates() {
    let x = Tensor([2, 3]).tracked()
    let y = x * x
    let z = y * x
    let found = z.summed().gradients(of: [x, y, x, z])
    #expect(found.map(\.values) == [[12, 27], [2, 3], [12, 27], [1, 1]])
  }

  @Test("What does not depend on a variable has gradient zero; constants and detached values stop it")
  func constants() {
    let x = Tensor([2]).tracked()
    let y = Tensor([5, 6]).tracked()
    #expect((x * x.detached()).gradients(of: [x, y]).map(\.values) == [[2], [0, 0]])
    #expect(!(x.detached() * 2).isTracked)
    let again = (x * 3).tracked()
    #expect((again * again).gradients(of: [again, x]).map(\.values) == [[12], [0]])
  }

  @Test("A graph can be differentiated twice with the same bits, and a seed weighs the outputs")
  func repeated() {
    let x = normal([4, 5], "x").tracked()
    let y = x.softmax()
    let seed = normal([4, 5], "seed")
    let first = y.gradients(of: [x], seed: seed)[0]
    #expect(y.gradients(of: [x], seed: seed)[0].bits == first.bits)
    #expect(relativeError(y.gradients(of: [x], seed: seed * 2)[0], first * 2) < 1e-6)
  }

  @Test("A chain of a million operations is differentiated and released without recursion")
  func deepChain() {
    let x = Tensor([1]).tracked()
    var y = x
    for _ in 0..<1_000_000 { y = y + 1 }
    #expect(y.gradients(of: [x])[0].values == [1])
    y = x
    #expect(y.values == [1])
  }

  @Test("Two graphs share what they have in common and outlive each other")
  func sharing() {
    let x = Tensor([2]).tracked()
    let common = x * x
    var first: Tensor? = common * 3
    let second = common * 5
    #expect(first?.gradients(of: [x])[0].values == [12])
    first = nil
    #expect(second.gradients(of: [x])[0].values == [20])
  }

  @Test("Adding in place records when either side is tracked")
  func addition() {
    let x = Tensor([1, 2]).tracked()
    var sum = Tensor([10, 10])
    sum += x
    sum += x
    #expect(sum.values == [12, 14])
    #expect(sum.summed().gradients(of: [x])[0].values == [2, 2])
  }

  @Test("A graph is released with its last tensor, and as it goes when nobody else holds it")
  func release() {
    let census = Census()
    let x = Tensor([1]).tracked()
    func chain() -> Tensor { (0..<5).reduce(x) { y, _ in (y * 2).witnessed(by: census) } }
    do {
      let y = chain()
      #expect(census.alive == 5 && y.values == [32])
    }
    #expect(census.alive == 0)
    let probe = Census()
    let seen = Mutex<[Int]>([])
    // A pullback at the start of the chain sees what is left when the pass arrives.
    let spied = x.detached().recorded(from: x) { _ in
      { gradient in
        seen.withLock { $0.append(probe.alive) }
        return gradient
      }
    }
    let found = (0..<5).reduce(spied) { y, _ in (y * 2).witnessed(by: probe) }.gradients(of: [x])
    #expect(found[0].values == [32])
    #expect(seen.withLock { $0 } == [0])
  }

  @Test("What cannot be right stops the program with a sentence")
  func preconditions() async {
    /// Release builds stop without words.
    func says(_ result: ExitTest.Result?, _ words: String) -> Bool {
      #if DEBUG
        String(decoding: result?.standardErrorContent ?? [], as: UTF8.self).contains(words)
      #else
        result != nil
      #endif
    }
    let write = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var x = Tensor([1]).tracked()
      x[0] = 2
    }
    #expect(says(write, "never written in place"))
    await #expect(processExitsWith: .failure) {
      var x = Tensor([1]).tracked()
      var span = x.mutableSpan
      span[0] = 2
    }
    let map = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor([1]).tracked().map { $0 }
    }
    #expect(says(map, "differentiable operation"))
    await #expect(processExitsWith: .failure) { _ = Tensor([1]).tracked().roundedToBFloat16() }
    await #expect(processExitsWith: .failure) { _ = Tensor([1]).combined(with: Tensor([1]).tracked()) { $0 + $1 } }
    let constant = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor([1]).gradients(of: [])
    }
    #expect(says(constant, "no gradients"))
    await #expect(processExitsWith: .failure) { _ = Tensor([1]).tracked().gradients(of: [Tensor([1])]) }
    await #expect(processExitsWith: .failure) { _ = Tensor([1, 2]).tracked().gradients(of: []) }
    let capture = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let x = Tensor([1]).tracked()
      _ = (x.detached() * 2).recorded(from: x) { _ in { $0 * x } }.gradients(of: [x])
    }
    #expect(says(capture, "captured a tracked tensor"))
    await #expect(processExitsWith: .failure) {
      let x = Tensor([1, 2]).tracked()
      _ = Tensor([3]).recorded(from: x) { _ in { $0 } }.gradients(of: [x])
    }
  }
}

@Suite("Gradient checkpointing")
struct CheckpointingTests {
  private static let weights = (0..<4).map { normal([6, 6], "weight \($0)") * 0.4 }

  private static func block(_ x: Tensor, _ weight: Tensor) -> Tensor { x + x.matmulTransposed(weight).silu() }

  @Test("Value and gradients have the same bits as without, weights captured or passed, nested or not")
  func sameBits() {
    let x = normal([5, 6], "x").tracked()
    let weights = Self.weights.map { $0.tracked() }
    let plain = weights.reduce(x, Self.block)
    let seed = normal([5, 6], "seed")
    let expected = plain.gradients(of: [x] + weights, seed: seed).map(\.bits)
    let captured = weights.reduce(x) { y, w in y.checkpointed { Self.block($0, w) } }
    let passed = weights.reduce(x) { y, w in Tensor.checkpointed([y, w]) { Self.block($0[0], $0[1]) } }
    let nested = x.checkpointed { weights.reduce($0) { y, w in y.checkpointed { Self.block($0, w) } } }
    for result in [captured, passed, nested] {
      #expect(result.bits == plain.bits)
      #expect(result.gradients(of: [x] + weights, seed: seed).map(\.bits) == expected)
    }
  }

  @Test("Untracked inputs, a body that ignores its input, and one that returns it")
  func edges() {
    let x = Tensor([2])
    let w = Tensor([3]).tracked()
    #expect(!x.checkpointed { $0 * 2 }.isTracked)
    #expect(x.checkpointed { $0 * w }.gradients(of: [w])[0].values == [2])
    #expect(w.checkpointed { $0 }.gradients(of: [w])[0].values == [1])
    #expect(x.checkpointed { _ in w }.gradients(of: [w])[0].values == [1])
    #expect(x.tracked().checkpointed { _ in w * w }.gradients(of: [w])[0].values == [6])
    let y = w * 2
    // w reaches the body directly and through y.
    #expect(y.checkpointed { $0 * w }.gradients(of: [w])[0].values == [12])
  }

  @Test("Between the passes nothing of a body is remembered, and going back one body at a time")
  func memory() {
    let x = normal([5, 6], "x").tracked()
    let census = Census()
    let weights = Self.weights.map { $0.tracked() }
    func block(_ x: Tensor, _ w: Tensor) -> Tensor { Self.block(x, w).witnessed(by: census) }
    let plain = weights.reduce(x, block)
    #expect(census.alive == 4)
    _ = plain.gradients(of: weights, seed: normal([5, 6], "seed"))
    let thrifty = Census()
    let result = weights.reduce(x) { y, w in
      y.checkpointed { Self.block($0, w).witnessed(by: thrifty) }
    }
    #expect(thrifty.alive == 0)
    _ = result.gradients(of: weights, seed: normal([5, 6], "seed"))
    #expect(thrifty.alive == 0 && thrifty.most == 1)
  }
}

import Dispatch
import Foundation
import Synchronization

/// Deterministic parallel loops.
///
/// A loop is cut into items whose number depends on the problem alone, never on the number of workers; every item
/// writes its own part of the result. The outcome is therefore the same for any `workerCount`.
public enum Parallel {
  private static let workers = Atomic<Int>(ProcessInfo.processInfo.activeProcessorCount)

  /// How many threads a loop may use, at least 1. The command line sets it once from `--threads`.
  public static var workerCount: Int {
    get { workers.load(ordering: .relaxed) }
    set { workers.store(max(1, newValue), ordering: .relaxed) }
  }

  /// True while the current thread runs an item of a parallel loop; a nested loop then runs in place.
  @TaskLocal static var insideLoop = false

  /// Calls `body` once with every index in `0..<count`, on up to `workerCount` threads, and returns when all are done.
  ///
  /// - Parameters:
  ///   - count: the number of items.
  ///   - grain: the fewest items worth a thread of their own; below `2 * grain` the loop stays on the calling thread.
  ///     Choose it so that a grain takes at least 50 µs.
  ///   - body: called with each index once. Items may run in any order and must write disjoint memory.
  public static func forEach(_ count: Int, grain: Int = 1, _ body: (Int) -> Void) {
    let threads = min(workerCount, count / max(1, grain))
    guard threads > 1, !insideLoop else {
      for i in 0..<max(0, count) { body(i) }
      return
    }
    let chunk = (count + threads - 1) / threads
    withoutActuallyEscaping(body) { body in
      // Items write disjoint memory by contract, which the compiler cannot see.
      nonisolated(unsafe) let body = body
      DispatchQueue.concurrentPerform(iterations: threads) { t in
        $insideLoop.withValue(true) {
          for i in min(count, t * chunk)..<min(count, (t + 1) * chunk) { body(i) }
        }
      }
    }
  }

  /// Calls `body` with consecutive ranges of at most `size` indices that together cover `0..<count`.
  ///
  /// The ranges depend on `count` and `size` only, so a reduction over them has the same order for any thread count.
  public static func forEachChunk(of count: Int, size: Int, _ body: (Range<Int>) -> Void) {
    let chunks = (count + size - 1) / size
    forEach(chunks) { c in body(c * size..<min(count, (c + 1) * size)) }
  }
}

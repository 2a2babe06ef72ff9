import Foundation
import Synchronization

/// Deterministic parallel loops.
///
/// A loop is cut into items whose number depends on the problem alone, never on the number of workers; every item
/// writes its own part of the result. The outcome is therefore the same for any `workerCount`.
///
/// The threads are Walsh's own and stay: between the loops of a token they look out for work for some microseconds, then
/// sleep, so that an idle program takes no processor. A loop may be called from several threads at once; each caller
/// works on its own loop, and the threads help whichever has been waiting longest.
public enum Parallel {
  private static let workers = Atomic<Int>(ProcessInfo.processInfo.activeProcessorCount)

  /// How many threads a loop may use, at least 1. The command line sets it once from `--threads`.
  public static var workerCount: Int {
    get { workers.load(ordering: .relaxed) }
    set { workers.store(max(1, newValue), ordering: .relaxed) }
  }

  /// The pieces that a loop is cut into for each of its threads: a thread that the system holds up leaves the rest of its
  /// share to the others.
  private static let piecesPerThread = 4

  /// Calls `body` once with every index in `0..<count`, on up to `workerCount` threads, and returns when all are done.
  ///
  /// A loop inside an item of another loop runs in place. Starting a loop costs about a microsecond while the threads
  /// are awake, some ten when they sleep.
  ///
  /// - Parameters:
  ///   - count: the number of items.
  ///   - grain: the fewest items worth a thread of their own; below `2 * grain` the loop stays on the calling thread.
  ///     Choose it so that a grain takes at least 50 µs.
  ///   - body: called with each index once. Items may run in any order and must write disjoint memory.
  public static func forEach(_ count: Int, grain: Int = 1, _ body: (Int) -> Void) {
    let threads = min(workerCount, count / max(1, grain))
    guard threads > 1, !WorkerPool.isInsideLoop else {
      for i in 0..<max(0, count) { body(i) }
      return
    }
    let pieces = min(count, threads * piecesPerThread)
    withoutActuallyEscaping(body) { body in
      // Items write disjoint memory by contract, which the compiler cannot see.
      nonisolated(unsafe) let body = body
      WorkerPool.shared.run(pieces: pieces, threads: threads) { piece in
        for i in piece * count / pieces..<(piece + 1) * count / pieces { body(i) }
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

  /// Calls `body` with ranges of rows of `columns` values, about 2¹⁶ values each and at least a row, that cover `0..<rows`.
  ///
  /// The ranges depend on the shape only.
  public static func forEachChunk(ofRows rows: Int, columns: Int, _ body: (Range<Int>) -> Void) {
    forEachChunk(of: rows, size: max(1, (1 << 16) / max(1, columns)), body)
  }
}

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

  /// The pieces of a thread's share of a loop: small enough that whoever is done first can take over what another has left.
  private static let piecesPerThread = 16

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
    let threads = threads(for: count, grain: grain)
    guard threads > 1 else {
      for i in 0..<max(0, count) { body(i) }
      return
    }
    withoutActuallyEscaping(body) { body in
      run(count, threads: threads, sharing: body) { body, items in for i in items { body(i) } }
    }
  }

  /// As `forEach(_:grain:_:)` without any allocation: what `body` needs comes as `context`, so that it captures nothing,
  /// and it gets some consecutive items at a time.
  @inlinable
  public static func forEach<Context>(
    _ count: Int, grain: Int = 1, sharing context: Context,
    _ body: @escaping @Sendable (_ context: Context, _ items: Range<Int>) -> Void
  ) {
    let threads = threads(for: count, grain: grain)
    guard threads > 1 else { return body(context, 0..<max(0, count)) }
    run(count, threads: threads, sharing: context, body)
  }

  /// How many threads a loop of `count` items takes.
  @usableFromInline
  static func threads(for count: Int, grain: Int) -> Int {
    let threads = min(workerCount, count / max(1, grain))
    return threads > 1 && !WorkerPool.isInsideLoop ? threads : 1
  }

  /// The loop itself. Its job lies on the caller's stack: a context, and a function that captures nothing.
  @inlinable
  static func run<Context>(
    _ count: Int, threads: Int, sharing context: Context,
    _ body: @escaping @Sendable (Context, Range<Int>) -> Void
  ) {
    let job = (context, body)
    withUnsafePointer(to: job) { job in
      run(count, threads: threads, job: job) { job, items in
        let job = job.assumingMemoryBound(to: (Context, @Sendable (Context, Range<Int>) -> Void).self)
        job.pointee.1(job.pointee.0, items)
      }
    }
  }

  @usableFromInline
  static func run(
    _ count: Int, threads: Int, job: UnsafeRawPointer,
    _ body: @escaping @Sendable (UnsafeRawPointer, Range<Int>) -> Void
  ) {
    WorkerPool.shared.run(
      ParallelJob(count: count, pieces: min(count, threads * piecesPerThread), context: job, body: body),
      threads: threads)
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

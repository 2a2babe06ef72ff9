import CKernels
import Foundation
import Synchronization

/// The threads that help with parallel loops.
///
/// A loop is posted with a number of seats. The caller works on its pieces at once; a thread that finds a free seat takes
/// it and claims pieces too. When the caller finds no piece left it takes back the free seats and waits for those who
/// sit. Nobody waits for a thread that has not begun, so loops of several callers cannot block each other.
final class WorkerPool: Sendable {
  static let shared = WorkerPool()

  /// True while the current thread runs a piece of a loop; a nested loop then runs in place.
  static var isInsideLoop: Bool { pthread_getspecific(insideLoop) != nil }

  private static let insideLoop: pthread_key_t = {
    var key = pthread_key_t()
    let status = pthread_key_create(&key, nil)
    precondition(status == 0, "The system has no thread-specific memory left.")
    return key
  }()

  private static func setInsideLoop(_ inside: Bool) {
    pthread_setspecific(insideLoop, inside ? UnsafeRawPointer(bitPattern: 1) : nil)
  }

  /// How long a thread looks out for work before it sleeps, and a caller for the last pieces of its loop.
  private static let patience = Duration.microseconds(40)

  /// The loops with free seats, the oldest first, and the threads.
  private struct State {
    var loops: [Loop] = []
    var threads = 0
    var sleepers = 0
  }

  private let state = Mutex(State())
  /// The free seats of all loops: what a thread looks at while it is awake.
  private let freeSeats = Atomic<Int>(0)
  /// Wakes one thread for each signal.
  private let work = DispatchSemaphore(value: 0)

  /// Calls `body` with every index in `0..<pieces` on this thread and up to `threads` − 1 others.
  func run(pieces: Int, threads: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let loop = Loop(pieces: pieces, seats: min(threads, pieces) - 1, body: body)
    post(loop)
    Self.setInsideLoop(true)
    loop.work()
    Self.setInsideLoop(false)
    withdraw(loop)
    loop.finish(patience: Self.patience)
  }

  // MARK: Callers

  private func post(_ loop: Loop) {
    let seats = loop.seats
    let (missing, waking) = state.withLock { state in
      state.loops.append(loop)
      freeSeats.add(seats, ordering: .releasing)
      let missing = max(0, seats - state.threads)
      state.threads += missing
      let waking = min(seats, state.sleepers)
      state.sleepers -= waking
      return (missing, waking)
    }
    for _ in 0..<missing { startThread() }
    for _ in 0..<waking { work.signal() }
  }

  /// Takes back the seats that nobody took.
  private func withdraw(_ loop: Loop) {
    state.withLock { state in
      guard loop.seats > 0 else { return }
      freeSeats.subtract(loop.seats, ordering: .relaxed)
      loop.seats = 0
      state.loops.removeAll { $0 === loop }
    }
  }

  // MARK: Threads

  private func startThread() {
    let thread = Thread { [self] in
      Self.setInsideLoop(true)
      while true {
        let loop = nextLoop()
        loop.work()
        loop.leave()
      }
    }
    thread.name = "walsh worker"
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// Waits for a loop with a free seat, awake for a while and then asleep, and takes the seat.
  private func nextLoop() -> Loop {
    while true {
      spin(for: Self.patience) { freeSeats.load(ordering: .acquiring) > 0 }
      let loop: Loop? = state.withLock { state in
        guard let loop = state.loops.first else {
          state.sleepers += 1
          return nil
        }
        loop.seats -= 1
        loop.enter()
        freeSeats.subtract(1, ordering: .relaxed)
        if loop.seats == 0 { state.loops.removeFirst() }
        return loop
      }
      if let loop { return loop }
      work.wait()
    }
  }
}

/// A loop that threads work on together.
private final class Loop: @unchecked Sendable {
  /// The seats that are free, guarded by the pool's lock.
  var seats: Int
  private let pieces: Int
  /// What a piece is; nil once the caller has left, because its closure does not outlive the call.
  private var body: (@Sendable (Int) -> Void)?
  /// The next piece that nobody has claimed.
  private let next = Atomic<Int>(0)
  /// The threads that sit, and `sleeping` while the caller sleeps until they have left.
  private let sitting = Atomic<Int>(0)
  private static let sleeping = 1 << 32
  private let allLeft = DispatchSemaphore(value: 0)

  init(pieces: Int, seats: Int, body: @escaping @Sendable (Int) -> Void) {
    self.pieces = pieces
    self.seats = seats
    self.body = body
  }

  /// Claims and runs pieces until none is left.
  func work() {
    while true {
      let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard piece < pieces, let body else { return }
      body(piece)
    }
  }

  /// Takes a seat; under the pool's lock, so that the caller knows of it once it has withdrawn the free ones.
  func enter() { sitting.wrappingAdd(1, ordering: .relaxed) }

  /// Leaves the seat: what was written is visible to the caller.
  func leave() {
    if sitting.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == Self.sleeping { allLeft.signal() }
  }

  /// Returns when nobody sits, and forgets what a piece is.
  func finish(patience: Duration) {
    defer { body = nil }
    if spin(for: patience, until: { sitting.load(ordering: .acquiring) == 0 }) { return }
    if sitting.wrappingAdd(Self.sleeping, ordering: .acquiringAndReleasing).oldValue > 0 { allLeft.wait() }
  }
}

/// Looks at `condition` until it holds or the time is over; returns whether it holds.
@discardableResult
private func spin(for patience: Duration, until condition: () -> Bool) -> Bool {
  if condition() { return true }
  let clock = ContinuousClock()
  let end = clock.now + patience
  repeat {
    for _ in 0..<32 {
      walsh_pause()
      if condition() { return true }
    }
  } while clock.now < end
  return false
}
